"""Table of the departments' information systems."""

from enum import StrEnum
from typing import Any

from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, one_of


class Classification(StrEnum):
    """Whether the department has confirmed that a system holds no classified information."""

    UNDETERMINED = "undetermined"
    MIXED = "mixed"
    NON_CLASSIFIED_CONFIRMED = "non_classified_confirmed"


class System(SQLModel, table=True):
    """A government information system; `attributes` has the remaining columns of the inventory."""

    __tablename__ = "systems"
    __table_args__ = (one_of("classification", Classification),)

    code: str = Field(primary_key=True)
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    name_zh: str
    name_en: str = ""
    network: str
    hosting: str
    mlps_level: int
    classification: str
    zombie: bool = False
    attributes: dict[str, Any] = document(dict)
