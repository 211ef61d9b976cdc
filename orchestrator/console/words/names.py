"""Names of organisations, people, systems and SKUs in the reader's language, each read once a page."""

from functools import cached_property
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue import queries as catalogue_queries
from orchestrator.catalogue.models import Sku
from orchestrator.console.words.i18n import N_, Language, translations
from orchestrator.core.clock import today
from orchestrator.departments import queries as department_queries
from orchestrator.departments.models import Organisation, Person
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.models import ResourcePool
from orchestrator.systems import queries as system_queries


class Names:
    """The names that a page shows instead of codes and ids."""

    def __init__(self, session: Session, language: Language) -> None:
        self._session = session
        self._zh = language == "zh"
        self._texts = translations(language)
        self._people: dict[UUID, Person | None] = {}
        self._systems: dict[str, str] = {}

    def organisation(self, code: str) -> str:
        """Return the name of an organisation, by its code."""
        row = self._organisations.get(code)
        return self._one(row.name_zh, row.name_en) if row else code

    def system(self, code: str | None) -> str:
        """Return the name of a system, by its code; empty for none."""
        if not code:
            return ""
        if code not in self._systems:
            row = system_queries.find(self._session, code)
            self._systems[code] = self._one(row.name_zh, row.name_en) if row else code
        return self._systems[code]

    def pool(self, code: str) -> str:
        """Return the name of a resource pool, by its code."""
        row = self._pools.get(code)
        return self._one(row.name_zh, row.name_en) if row else code

    def sku(self, code: str) -> tuple[str, str]:
        """Return name and unit of a SKU."""
        row = self._skus.get(code)
        return (self._one(row.name_zh, row.name_en), row.unit) if row else (code, "")

    def person(self, person_id: UUID | None) -> str:
        """Return the name of a person, by id; empty for none."""
        row = self._person(person_id)
        return self._one(row.name_zh, row.name_en) if row else ""

    def organisation_of(self, person_id: UUID | None) -> str:
        """Return the name of a person's organisation."""
        person = self._person(person_id)
        return self.organisation(person.organisation_code) if person else ""

    def actor(self, audit_name: str) -> tuple[str, str]:
        """Return name and organisation of the actor of an audit event: a person, a worker, the calendar."""
        kind, _, name = audit_name.partition(":")
        if kind == "person":
            person_id = UUID(name)
            return self.person(person_id) or name, self.organisation_of(person_id)
        if kind == "worker":
            return self._texts.gettext(N_("执行节点 %(name)s")) % {"name": name}, ""
        if audit_name == "system:calendar":
            return self._texts.gettext(N_("系统日程")), ""
        return audit_name, ""

    def _one(self, zh: str, en: str) -> str:
        return zh if self._zh or not en else en

    def _person(self, person_id: UUID | None) -> Person | None:
        if person_id is None:
            return None
        if person_id not in self._people:
            people = department_queries.people(self._session, [person_id])
            self._people[person_id] = people.get(person_id)
        return self._people[person_id]

    @cached_property
    def _organisations(self) -> dict[str, Organisation]:
        return {item.code: item for item in department_queries.organisations(self._session)}

    @cached_property
    def _pools(self) -> dict[str, ResourcePool]:
        return dict(quota_queries.pools(self._session))

    @cached_property
    def _skus(self) -> dict[str, Sku]:
        in_force = catalogue_queries.catalogue_on(self._session, today(self._session))
        if in_force is None:
            return {}
        return {sku.code: sku for sku, _ in catalogue_queries.priced_skus(self._session, in_force.code)}
