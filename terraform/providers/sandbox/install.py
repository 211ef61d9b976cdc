"""Install the provider into a local mirror, so that Terraform needs no registry.

    python install.py --mirror DIR [--config FILE] [--lock FILE]

DIR/HOST/NAMESPACE/sandbox/VERSION/OS_ARCH/ gets the launcher and the provider's files, identical for every
platform. --config (default DIR/terraform.rc) is the Terraform CLI configuration for TF_CLI_CONFIG_FILE; it
allows DIR as the only source. --lock is the lock file of a root module, to be committed. Idempotent, also
when two processes run it at once. Prints the paths and the hash as one JSON object.
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, VERSION = "govcloud.internal/orchestrator/sandbox", "0.1.0"
PLATFORMS = ("linux_amd64", "linux_arm64")
LAUNCHER = "terraform-provider-sandbox"
FILES = {  # name in the mirror -> name here
    f"{LAUNCHER}_v{VERSION}": LAUNCHER,
    "cloud_client.py": "cloud_client.py",
    "provider.py": "provider.py",
    "serve.py": "serve.py",
}
CONFIG = """\
disable_checkpoint = true
provider_installation {{
  filesystem_mirror {{
    path = {path}
  }}
}}
"""
LOCK = """\
# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "{source}" {{
  version     = "{version}"
  constraints = "{version}"
  hashes = [
    "{digest}",
  ]
}}
"""


def package_hash() -> str:
    """Return Terraform's `h1:` hash of the provider: SHA-256 over the sorted lines "HASH  NAME"."""
    digests = {
        name: hashlib.sha256((HERE / origin).read_bytes()).hexdigest() for name, origin in FILES.items()
    }
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def put(path: Path, content: bytes, mode: int, drafts: Path) -> None:
    """Replace the file atomically unless it is already up to date.

    The draft is written to the folder `drafts`, because Terraform hashes all files of the provider's folder.
    """
    if path.is_file() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return
    handle, draft = tempfile.mkstemp(prefix=".draft-", dir=drafts)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(draft).chmod(mode)
    Path(draft).replace(path)


def fill(mirror: Path) -> None:
    """Write the provider's files for every platform and remove all others, which would change the hash."""
    for platform in PLATFORMS:
        folder = mirror / SOURCE / VERSION / platform
        folder.mkdir(parents=True, exist_ok=True)
        for unexpected in {path.name for path in folder.iterdir()} - set(FILES):
            remove(folder / unexpected)
        for name, origin in FILES.items():
            put(folder / name, (HERE / origin).read_bytes(), 0o755 if origin == LAUNCHER else 0o644, mirror)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--lock", type=Path)
    arguments = parser.parse_args()
    mirror = arguments.mirror.absolute()
    config = (arguments.config or mirror / "terraform.rc").absolute()
    fill(mirror)
    put(config, CONFIG.format(path=json.dumps(str(mirror))).encode(), 0o644, config.parent)
    if arguments.lock:
        text = LOCK.format(source=SOURCE, version=VERSION, digest=package_hash())
        lock = arguments.lock.absolute()
        put(lock, text.encode(), 0o644, lock.parent)
    print(json.dumps({"mirror": str(mirror), "config": str(config), "hash": package_hash()}))


if __name__ == "__main__":
    main()
