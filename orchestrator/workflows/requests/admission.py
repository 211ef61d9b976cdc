"""Write a submitted request together with its hold, in one call of a database function.

The call is sent in one round trip with COMMIT: every further round trip would make all other requests for the
same counters wait (ADR 0011). Locks are taken in the usual order: the request, the counters by name, the end
of the audit chain.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.db import write_with_commit
from orchestrator.core.errors import BusinessError
from orchestrator.quotas.arithmetic import Counter, Take
from orchestrator.quotas.errors import NothingLeft
from orchestrator.resource_requests.models import ResourceRequest

_ADMIT: Final = "SELECT admit_request(CAST(%(admitted)s AS jsonb), CAST(%(judged)s AS jsonb))"
_WRITTEN: Final = ("id", "status", "status_at", "version", "submitted_at", "reason")


def write(
    session: Session,
    request: ResourceRequest,
    takes: Sequence[Take],
    expires_at: datetime,
    refused: Callable[[NothingLeft], BusinessError],
) -> None:
    """Write the changed request and hold every amount of `takes` until `expires_at`, or write nothing at all.

    The write happens with the commit. If an amount no longer fits by then, the commit raises the error that
    `refused` returns for the full counter, and the whole transaction is rolled back.
    """
    hold = {
        "id": uuid4(),
        "request_id": request.id,
        "organisation_code": request.organisation_code,
        "status": "live",
        "created_at": now(session),
        "expires_at": expires_at,
    }
    admitted = {
        "request": {name: getattr(request, name) for name in _WRITTEN},
        "hold": hold,
        "targets": [str(take.counter) for take in takes],
        "amounts": [take.amount for take in takes],
    }
    session.expunge(request)  # The database function writes the request; the session must not.
    amounts = {str(take.counter): take.amount for take in takes}
    write_with_commit(
        session,
        _ADMIT,
        {
            "admitted": json.dumps(admitted, default=str),
            "judged": json.dumps(request.judgement, ensure_ascii=False),
        },
        lambda target: refused(NothingLeft.of(Counter.parse(target), amounts[target])),
    )
