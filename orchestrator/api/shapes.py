"""Shapes that several nouns share. Amounts are integer fen, instants are UTC, dates are Asia/Shanghai."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from orchestrator.core.documents import Reason

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant as a stored document writes it, with its offset."""


class Shape(BaseModel):
    """A response that is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class ResourceAttributes(RootModel[dict[str, Any]]):
    """Attributes of one object by name, named as in Terraform; sensitive values are `***`."""


class AttributeValue(RootModel[Any]):
    """The value of one attribute or field: any JSON value."""


class Page(BaseModel):
    """The address of the next page; null on the last one."""

    next: str | None = None


class ReasonBody(BaseModel):
    """The reason, shown to everyone who can see the object."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class DigestBody(BaseModel):
    """The digest that you were shown."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
