"""Routes of acts: one POST for each act, or for a choice of acts, built from the acts of a noun."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, get_type_hints
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from sqlmodel import Session

from orchestrator.api.deps import Service, TheRepeatable, TheService, TheVersion
from orchestrator.api.shapes import DigestBody, ReasonBody
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import Actor
from orchestrator.workflows.act import Act, Call, Noun
from orchestrator.workflows.perform import perform

ACT: Final = "x-act"
"""Marks the operation of an act in the API document, from which the commands are made."""


@dataclass(frozen=True)
class Given:
    """The values of an act in the body of a call; in a route of several acts also the chosen act."""

    reason: str = ""
    digest: str = ""
    content: Any = None
    act: Act | None = None


@dataclass(frozen=True)
class Answer:
    """The response to an act: the status code, the body's model, and the body."""

    status_code: int
    model: type[BaseModel]
    body: Callable[[Call, Any], BaseModel]


def nothing_given() -> Given:
    """Read no body."""
    return Given()


def reason_given(body: ReasonBody) -> Given:
    """Read a reason."""
    return Given(reason=body.reason)


def digest_given(body: DigestBody) -> Given:
    """Read the digest that was shown."""
    return Given(digest=body.digest)


def add_routes(
    router: APIRouter,
    noun: Noun,
    answers: Mapping[Any, Answer],
    readers: Mapping[str, Callable[..., Given]] | None = None,
    *,
    besides: Collection[str] = (),
) -> None:
    """Add ``POST /<noun>/{id}/<act>`` for every act of the noun.

    `answers` are chosen by the result type of the function that the act runs. `readers` read, by the act's
    name, the bodies that hold more than a reason or a digest. Acts named in `besides` have their own route.
    """
    for act in (one for one in noun.acts if one.name not in besides):
        answer = answers[get_type_hints(act.runs)["return"]]
        reader = (readers or {}).get(act.name) or _reader(act)
        router.add_api_route(
            f"/{noun.path}/{{{noun.singular}_id}}/{act.name}",
            _endpoint(noun, partial(_this, act), answer, reader),
            methods=["POST"],
            status_code=answer.status_code,
            response_model=answer.model,
            name=f"{act.name.replace('-', '_')}_{noun.singular}",
            summary=act.label.en,
            description=act.runs.__doc__,
            openapi_extra={ACT: act.name},
        )


def add_choice(
    router: APIRouter, noun: Noun, name: str, answer: Answer, reader: Callable[..., Given]
) -> None:
    """Add ``POST /<noun>/{id}/<name>``, whose body chooses the act.

    The name and the docstring of `reader`, which returns the chosen act, describe the route.
    """
    router.add_api_route(
        f"/{noun.path}/{{{noun.singular}_id}}/{name}",
        _endpoint(noun, _chosen, answer, reader),
        methods=["POST"],
        status_code=answer.status_code,
        response_model=answer.model,
        name=reader.__name__,
        description=reader.__doc__,
    )


def _reader(act: Act) -> Callable[..., Given]:
    if act.needs_digest:
        return digest_given
    return reason_given if act.needs_reason else nothing_given


def _this(act: Act, _given: Given) -> Act:
    return act


def _chosen(given: Given) -> Act:
    if given.act is None:
        raise NotFound
    return given.act


def _endpoint(
    noun: Noun, choose: Callable[[Given], Act], answer: Answer, reader: Callable[..., Given]
) -> Callable[..., dict[str, Any]]:
    def endpoint(
        key: Annotated[UUID, Path(alias=f"{noun.singular}_id")],
        given: Annotated[Given, Depends(reader)],
        sent: TheRepeatable,
        service: TheService,
        version: TheVersion,
    ) -> dict[str, Any]:
        act = choose(given)

        def run() -> dict[str, Any]:
            call = call_of(sent.session, sent.actor, service, version, given)
            return answer.body(call, perform(noun, act, call, key)).model_dump(mode="json")

        return sent.once(f"{noun.path}:{act.name}:{key}", run)

    return endpoint


def call_of(
    session: Session, actor: Actor, service: Service, version: int | None, given: Given | None = None
) -> Call:
    """Return the call of an act that one HTTP request makes."""
    values = given or Given()
    return Call(
        session=session,
        actor=actor,
        pack=service.pack,
        cloud=service.settings.cloud,
        version=version,
        reason=values.reason,
        digest=values.digest,
        content=values.content,
    )
