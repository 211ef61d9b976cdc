"""The console's static files: `STATIC_DIR` is the folder that a web process serves."""

from pathlib import Path

STATIC_DIR = Path(__file__).parent / "static"
