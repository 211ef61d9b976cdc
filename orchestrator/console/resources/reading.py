"""Read resources as the view models of the page."""

from orchestrator.console.frame.visit import Visit
from orchestrator.console.requests.reading import spec_words, zone_of
from orchestrator.console.resources.views import ResourceItem
from orchestrator.console.runs.reading import drift_words
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resources.models import Resource


def item(visit: Visit, found: Resource) -> ResourceItem:
    """One resource in the list."""
    request = request_queries.get(visit.session, found.request_id)
    return ResourceItem(
        id=str(found.id),
        name=found.address.partition("/")[2] or found.address,
        kind=found.kind,
        organisation=visit.names.organisation(found.organisation_code),
        system=visit.names.system(found.system_code),
        spec=spec_words(visit, found.kind, found.spec),
        zone=zone_of(visit, found.workspace_id),
        address=found.ip_address or "",
        status=found.status,
        drift="found" if found.drift else "none",
        drift_note=" ".join(drift_words(visit, [found.drift])) if found.drift else "",
        request_id=str(request.id),
        request_number=request.number,
    )
