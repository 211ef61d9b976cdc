"""Write docs/openapi.json: the OpenAPI document that the service sends at /api/v1/openapi.json.

`make client` runs it, and then `tools/write_client.py`, after a route or a shape was changed; a test compares
the file with the routes.
"""

import json
import sys
from pathlib import Path

from orchestrator.app import api_document

ROOT = Path(__file__).resolve().parent.parent
FILE = Path("docs") / "openapi.json"


def main() -> int:
    """Write the document of this checkout."""
    (ROOT / FILE).write_text(text(), encoding="utf-8")
    print(f"{FILE} is written.")
    return 0


def text() -> str:
    """Return the document as it is stored."""
    return json.dumps(api_document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())
