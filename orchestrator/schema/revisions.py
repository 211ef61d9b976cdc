"""Bring a database to the newest revision, and ask whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config

_FOLDER = Path(__file__).resolve().parent


def configuration(database_url: str) -> Config:
    """Alembic's configuration without a file: the folder of this package and one address."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def upgrade(database_url: str) -> None:
    """Apply every revision that the database lacks."""
    command.upgrade(configuration(database_url), "head")


def check(database_url: str) -> None:
    """Fail when the models and the newest revision differ."""
    command.check(configuration(database_url))
