"""The Terraform provider `sandbox`: five kinds of resources that live in the sandbox cloud.

Every resource carries a `key` (workspace/kind/name). Creating twice with one key and the same values
yields one object, so an apply that lost its state adopts what it made. An instance's `power` is what its
owner wants: one that was stopped behind Terraform's back reads as "stopped", and the plan shows the
difference.
"""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from cloud_client import CloudAwayError, CloudRefusalError, ask
from tf.iface import (
    Config,
    CreateContext,
    DataSource,
    DeleteContext,
    ImportContext,
    Provider,
    ReadContext,
    Resource,
    State,
    UpdateContext,
)
from tf.schema import Attribute, Schema
from tf.types import Map, Number, Set, String, TfType
from tf.utils import Diagnostics

FULL_NAME = "govcloud.internal/orchestrator/sandbox"
NOT_FOUND = 404


def fixed(name: str, kind: TfType) -> Attribute:
    """An attribute of the spec that only a new object can change."""
    return Attribute(name, kind, required=True, requires_replace=True)


def free(name: str, kind: TfType) -> Attribute:
    """An attribute of the spec that can be changed in place."""
    return Attribute(name, kind, required=True)


def told(name: str) -> Attribute:
    """An attribute that the cloud decides."""
    return Attribute(name, String(), computed=True)


class CloudResource(Resource):
    """One kind of object; `spec` is what its owner decides, `answers` what the cloud adds."""

    kind: ClassVar[str]
    spec: ClassVar[tuple[Attribute, ...]]
    answers: ClassVar[tuple[Attribute, ...]] = ()

    def __init__(self, provider: "SandboxProvider") -> None:
        self.provider = provider

    @classmethod
    def get_name(cls) -> str:
        return cls.kind

    @classmethod
    def get_schema(cls) -> Schema:
        common = [told("id"), fixed("key", String()), free("tags", Map(String()))]
        return Schema(version=1, attributes=[*common, *cls.spec, *cls.answers])

    def state(self, found: Mapping[str, Any]) -> State:
        """Terraform's picture of an object of the cloud."""
        spec = {attribute.name: found["spec"][attribute.name] for attribute in self.spec}
        answers = {attribute.name: found[attribute.name] for attribute in self.answers}
        return {"id": found["id"], "key": found["key"], "tags": found["tags"], **spec, **answers}

    def create(self, ctx: CreateContext, planned: State) -> State | None:
        """Create the object; one that exists but does not work is kept in the state, as tainted."""
        found = self.provider.ask(
            op="create",
            kind=self.kind,
            key=planned["key"],
            spec={attribute.name: planned[attribute.name] for attribute in self.spec},
            tags=planned["tags"],
            run=os.environ.get("GOVCLOUD_RUN", ""),
        )["object"]
        if found["trouble"]:
            ctx.diagnostics.add_error(f"{found['id']} was created but does not work", found["trouble"])
            return self.state(found)
        return self.settle(found, planned)

    def read(self, _ctx: ReadContext, current: State) -> State | None:
        try:
            return self.state(self.provider.ask(op="read", kind=self.kind, id=current["id"])["object"])
        except CloudRefusalError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def update(self, _ctx: UpdateContext, current: State, planned: State) -> State | None:
        names = (attribute.name for attribute in self.spec)
        changes = {name: planned[name] for name in names if planned[name] != current[name]}
        request = {"op": "update", "id": current["id"], "spec": changes, "tags": planned["tags"]}
        return self.settle(self.provider.ask(**request)["object"], planned)

    def settle(self, found: dict[str, Any], planned: State) -> State:
        """The state after a create or update; where there is a power switch, it is set as planned."""
        if planned.get("power", found["power"]) != found["power"]:
            found = self.provider.ask(op="update", id=found["id"], power=planned["power"])["object"]
        return self.state(found)

    def delete(self, _ctx: DeleteContext, current: State) -> None:
        self.provider.ask(op="destroy", id=current["id"])

    def import_(self, _ctx: ImportContext, id: str) -> State | None:  # noqa: A002
        """Take over an object by its id or its key."""
        return self.state(self.provider.ask(op="import", kind=self.kind, id=id)["object"])

    def upgrade(self, _ctx: Any, _version: int, old: State) -> State | None:
        return old


class Network(CloudResource):
    kind = "network"
    spec = (fixed("zone", String()), free("name", String()))
    answers = (told("cidr"),)


class SecurityGroup(CloudResource):
    kind = "security_group"
    spec = (fixed("network", String()), free("ports", Set(Number())))


class Port(CloudResource):
    kind = "port"
    spec = (fixed("network", String()), free("security_group", String()))
    answers = (told("address"),)


class Instance(CloudResource):
    kind = "instance"
    spec = (
        *(fixed(name, String()) for name in ("port", "pool", "arch", "image")),
        *(free(name, String()) for name in ("purpose", "label")),
        *(free(name, Number()) for name in ("vcpu", "memory_gb")),
    )
    answers = (
        told("address"),
        told("host_root"),
        Attribute("power", String(), optional=True, computed=True, default="running"),
    )


class Volume(CloudResource):
    kind = "volume"
    spec = (free("instance", String()), free("size_gb", Number()), fixed("tier", String()))


class SandboxProvider(Provider):
    """Finds the cloud by SANDBOX_SOCKET; needs no configuration, so no module can point it elsewhere."""

    def get_model_prefix(self) -> str:
        return "sandbox_"

    def full_name(self) -> str:
        return FULL_NAME

    def get_provider_schema(self, _diags: Diagnostics) -> Schema:
        return Schema(version=1, attributes=[])

    def validate_config(self, _diags: Diagnostics, _config: Config) -> None:
        """There is nothing to configure."""

    def configure_provider(self, diags: Diagnostics, _config: Config) -> None:
        """Say at once, before any resource is looked at, when the cloud is not there."""
        try:
            self.ask(op="ping")
        except CloudAwayError as error:
            diags.add_error("The sandbox cloud is not running", str(error))

    def get_data_sources(self) -> list[type[DataSource]]:
        return []

    def get_resources(self) -> list[type[Resource]]:
        return [Network, SecurityGroup, Port, Instance, Volume]

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request to the cloud; a connection each, since Terraform calls from ten threads at once."""
        path = os.environ.get("SANDBOX_SOCKET")
        if not path:
            raise CloudAwayError("SANDBOX_SOCKET is not set: it names the unix socket of the sandbox cloud")
        return ask(path, request)
