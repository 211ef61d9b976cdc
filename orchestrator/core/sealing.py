"""Encryption of stored bytes, signatures of audit heads, and random tokens.

All keys are in one file of the state folder (mode 0600), or in the file that the setting
``GOVCLOUD_KEY_FILE`` names. Every host of an installation shares the same keys.
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
    """The installation's secret keys; never logged, never part of a bundle."""

    fernet: Fernet
    signing: Ed25519PrivateKey

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt and authenticate a state file, a plan file or a bundle."""
        return self.fernet.encrypt(data)

    def decrypt(self, data: bytes) -> bytes:
        """Decrypt the result of `encrypt`; raises InvalidToken for any other bytes."""
        return self.fernet.decrypt(data)

    def sign(self, text: str) -> str:
        """Return the Ed25519 signature of `text` in base64."""
        return base64.b64encode(self.signing.sign(text.encode())).decode()

    def verifies(self, text: str, signature: str) -> bool:
        """Return whether `signature` is the signature of `text` with these keys."""
        try:
            self.signing.public_key().verify(base64.b64decode(signature), text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def load_keys(path: Path) -> Keys:
    """Read the key file; create it, readable by its owner only, if it does not exist."""
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
        # A link fails if the file exists, so two processes that start at the same time use the same keys.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def new_token(prefix: str) -> str:
    """Return a random token of 256 bits. It is shown once; only its `token_hash` is stored."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return the SHA-256 of a random token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
