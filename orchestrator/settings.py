"""Every setting of the service, read from the environment once."""

import os
import sys
from datetime import datetime
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_PACKAGE = Path(__file__).resolve().parent


def _content_folder() -> Path:
    packaged = _PACKAGE / "_content"
    return packaged if packaged.is_dir() else _PACKAGE.parent


def _home() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "govcloud"


class Settings(BaseSettings):
    """Settings with the prefix ``GOVCLOUD_``; DATABASE_URL and TERRAFORM_BIN carry no prefix."""

    model_config = SettingsConfigDict(env_prefix="GOVCLOUD_", extra="ignore", populate_by_name=True)

    home: Path = Field(default_factory=_home)
    content_dir: Path = Field(default_factory=_content_folder)
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    terraform_bin: str | None = Field(default=None, validation_alias="TERRAFORM_BIN")
    key_file: Path | None = None
    cloud: str = "sandbox"
    clouds_dir: Path | None = None
    policy_pack: str = "xinyu-2019"
    host: str = "127.0.0.1"
    port: int = 8765
    public_url: str | None = None
    max_calls: int = Field(default=24, ge=1)
    max_waiting_calls: int = Field(default=200, ge=0)
    zones: str = "extranet,internet,dev"
    slots: int = 2
    as_of: datetime | None = None
    fonts_dir: Path | None = None
    body_font: str = "Noto Serif SC"
    heading_font: str = "Noto Sans SC"
    session_idle_minutes: int = 30
    session_hours: int = 12
    secure_cookies: bool = False
    heartbeat_seconds: float = 10
    stalled_seconds: float = 30
    terraform_timeout_seconds: float = 3600
    terraform_idle_seconds: float = 900

    @property
    def url(self) -> str:
        """Where workers and people reach the web process."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def keys_path(self) -> Path:
        """The file with the installation's keys."""
        return self.key_file or self.home / "keys.json"

    @property
    def runs_dir(self) -> Path:
        """Prepared folders of runs; each is 0700 and removed when its run has ended."""
        return self.home / "runs"

    @property
    def sandbox_socket(self) -> Path:
        """The socket of the sandbox cloud."""
        return self.home / "sandbox" / "sandboxd.sock"

    @property
    def provider_mirror(self) -> Path:
        """The filesystem mirror from which Terraform installs providers; no registry is asked."""
        return self.home / "providers"

    @property
    def engine_home(self) -> Path:
        """HOME of engine processes: provider caches live here."""
        return self.home / "engine"

    @property
    def python(self) -> str:
        """The interpreter that runs the sandbox cloud and its provider."""
        return sys.executable

    @property
    def heads_file(self) -> Path:
        """Signed heads of the audit chain, outside the database."""
        return self.home / "audit" / "heads.jsonl"

    @property
    def clouds(self) -> Path:
        """The folder with one Terraform root module a cloud."""
        return self.clouds_dir or self.content_dir / "terraform" / "clouds"
