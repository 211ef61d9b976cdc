"""The Terraform provider `sandbox`: five kinds of resources in the sandbox cloud.

Every resource has a `key` (workspace/kind/name). Creating twice with the same key and values returns the same
object, so an apply that lost its state adopts the objects it created. `power` of an instance is the power
that its owner wants; one that was stopped outside of Terraform reads as "stopped", and plans show the drift.
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
    """Return an attribute of the spec whose change replaces the object."""
    return Attribute(name, kind, required=True, requires_replace=True)


def changeable(name: str, kind: TfType) -> Attribute:
    """Return an attribute of the spec that is updated in place."""
    return Attribute(name, kind, required=True)


def computed(name: str) -> Attribute:
    """Return an attribute that the cloud sets."""
    return Attribute(name, String(), computed=True)


class CloudResource(Resource):
    """One kind of object. `spec` are the attributes its owner sets, `outputs` those the cloud sets."""

    kind: ClassVar[str]
    spec: ClassVar[tuple[Attribute, ...]]
    outputs: ClassVar[tuple[Attribute, ...]] = ()

    def __init__(self, provider: "SandboxProvider") -> None:
        self.provider = provider

    @classmethod
    def get_name(cls) -> str:
        return cls.kind

    @classmethod
    def get_schema(cls) -> Schema:
        common = [computed("id"), fixed("key", String()), changeable("tags", Map(String()))]
        return Schema(version=1, attributes=[*common, *cls.spec, *cls.outputs])

    def state(self, record: Mapping[str, Any]) -> State:
        """Return the Terraform state of an object of the cloud."""
        spec = {attribute.name: record["spec"][attribute.name] for attribute in self.spec}
        outputs = {attribute.name: record[attribute.name] for attribute in self.outputs}
        return {"id": record["id"], "key": record["key"], "tags": record["tags"], **spec, **outputs}

    def create(self, ctx: CreateContext, planned: State) -> State | None:
        """Create the object. A created but broken object stays in the state, tainted."""
        record = self.provider.ask(
            op="create",
            kind=self.kind,
            key=planned["key"],
            spec={attribute.name: planned[attribute.name] for attribute in self.spec},
            tags=planned["tags"],
            run=os.environ.get("GOVCLOUD_RUN", ""),
        )["object"]
        if record["trouble"]:
            ctx.diagnostics.add_error(f"{record['id']} was created but does not work", record["trouble"])
            return self.state(record)
        return self.with_power(record, planned)

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
        return self.with_power(self.provider.ask(**request)["object"], planned)

    def with_power(self, record: dict[str, Any], planned: State) -> State:
        """Set the planned power, if the kind has one, and return the state."""
        if planned.get("power", record["power"]) != record["power"]:
            record = self.provider.ask(op="update", id=record["id"], power=planned["power"])["object"]
        return self.state(record)

    def delete(self, _ctx: DeleteContext, current: State) -> None:
        self.provider.ask(op="destroy", id=current["id"])

    def import_(self, _ctx: ImportContext, id: str) -> State | None:  # noqa: A002
        """Import an object by its id or key."""
        return self.state(self.provider.ask(op="import", kind=self.kind, id=id)["object"])

    def upgrade(self, _ctx: Any, _version: int, old: State) -> State | None:
        return old


class Network(CloudResource):
    kind = "network"
    spec = (fixed("zone", String()), changeable("name", String()))
    outputs = (computed("cidr"),)


class SecurityGroup(CloudResource):
    kind = "security_group"
    spec = (fixed("network", String()), changeable("ports", Set(Number())))


class Port(CloudResource):
    kind = "port"
    spec = (fixed("network", String()), changeable("security_group", String()))
    outputs = (computed("address"),)


class Instance(CloudResource):
    kind = "instance"
    spec = (
        *(fixed(name, String()) for name in ("port", "pool", "arch", "image")),
        *(changeable(name, String()) for name in ("purpose", "label")),
        *(changeable(name, Number()) for name in ("vcpu", "memory_gb")),
    )
    outputs = (
        computed("address"),
        computed("host_root"),
        Attribute("power", String(), optional=True, computed=True, default="running"),
    )


class Volume(CloudResource):
    kind = "volume"
    spec = (changeable("instance", String()), changeable("size_gb", Number()), fixed("tier", String()))


class SandboxProvider(Provider):
    """Connects to SANDBOX_SOCKET. It has no configuration, so that no module can redirect it."""

    def get_model_prefix(self) -> str:
        return "sandbox_"

    def full_name(self) -> str:
        return FULL_NAME

    def get_provider_schema(self, _diags: Diagnostics) -> Schema:
        return Schema(version=1, attributes=[])

    def validate_config(self, _diags: Diagnostics, _config: Config) -> None:
        """Accept the empty configuration."""

    def configure_provider(self, diags: Diagnostics, _config: Config) -> None:
        """Report an unreachable cloud before any resource is read."""
        try:
            self.ask(op="ping")
        except CloudAwayError as error:
            diags.add_error("The sandbox cloud is not running", str(error))

    def get_data_sources(self) -> list[type[DataSource]]:
        return []

    def get_resources(self) -> list[type[Resource]]:
        return [Network, SecurityGroup, Port, Instance, Volume]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request, each over its own connection, because Terraform calls from ten threads."""
        path = os.environ.get("SANDBOX_SOCKET")
        if not path:
            raise CloudAwayError("SANDBOX_SOCKET is not set; set it to the unix socket of the sandbox cloud")
        return ask(path, request)
