"""Read resources as the view models of the page."""

from orchestrator.console.frame.visit import Visit
from orchestrator.console.requests.reading import spec_words, zone_of
from orchestrator.console.resources.views import ResourceItem
from orchestrator.console.runs.reading import drift_words
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resources.drift import stored_finding
from orchestrator.resources.models import Resource


def item(visit: Visit, resource: Resource) -> ResourceItem:
    """Return one resource as an entry of the list."""
    request = request_queries.get(visit.session, resource.request_id)
    return ResourceItem(
        id=str(resource.id),
        name=resource.address.partition("/")[2] or resource.address,
        kind=resource.kind,
        organisation=visit.names.organisation(resource.organisation_code),
        system=visit.names.system(resource.system_code),
        spec=spec_words(visit, resource.kind, resource.spec),
        zone=zone_of(visit, resource.workspace_id),
        address=resource.ip_address or "",
        status=resource.status,
        drift="found" if resource.drift else "none",
        drift_note=" ".join(drift_words(visit, [stored_finding(resource.drift)])) if resource.drift else "",
        request_id=str(request.id),
        request_number=request.number,
    )
