"""Keys and tokens: what is stored encrypted, what is stored as a hash only, how heads are signed.

All keys live in one file of the state folder (mode 0600), or in a file that the setting
``GOVCLOUD_KEY_FILE`` names, so that every host of one installation shares them.
"""

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class Keys:
    """The installation's secrets; never logged, never part of a bundle."""

    fernet: Fernet
    signing: Ed25519PrivateKey

    def encrypt(self, data: bytes) -> bytes:
        """Authenticated encryption of state files, plan files and bundles."""
        return self.fernet.encrypt(data)

    def decrypt(self, data: bytes) -> bytes:
        """The inverse of `encrypt`; raises InvalidToken for anything it did not make."""
        return self.fernet.decrypt(data)

    def sign(self, text: str) -> str:
        """An Ed25519 signature, base64."""
        return base64.b64encode(self.signing.sign(text.encode())).decode()

    def verifies(self, text: str, signature: str) -> bool:
        """Whether `signature` was made by these keys over `text`."""
        try:
            self.signing.public_key().verify(base64.b64decode(signature), text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def load_keys(path: Path) -> Keys:
    """Read the key file; make it, readable by its owner only, where there is none yet."""
    if not path.exists():
        _create(path)
    document = json.loads(path.read_text())
    signing = Ed25519PrivateKey.from_private_bytes(base64.b64decode(document["signing"]))
    return Keys(Fernet(document["encryption"].encode()), signing)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    signing = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    content = json.dumps({"encryption": Fernet.generate_key().decode(), "signing": signing})
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(content)
    try:
        # A link fails where the file exists, so that two processes starting at once share one set of keys.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def new_token(prefix: str) -> str:
    """A secret of 256 bits, shown once; only `token_hash` of it is stored."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """SHA-256 of a random token; a slow hash is not needed for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
