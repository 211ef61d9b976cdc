"""A request as a file: YAML or JSON, checked against the same shape that the API checks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.client.models import RequestDraft

LARGEST_BYTES = 1_000_000


class BadFile(Exception):
    """The file is not a valid request; `problems` names each wrong field or line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = [f"{path}: {problem}" for problem in problems]
        super().__init__("\n".join(self.problems))


def read_request(path: Path) -> "RequestDraft":
    """Return the request that a file describes.

    Raises:
        BadFile: names every field that is wrong.
    """
    from pydantic import ValidationError

    from orchestrator.client.encoding import decode
    from orchestrator.client.models import RequestDraft
    from orchestrator.core.texts import UnstorableText, require_storable
    from orchestrator.resource_requests import drafting

    try:
        draft = drafting.RequestDraft.model_validate(_document(path))
        require_storable(draft.model_dump().items())
    except ValidationError as error:
        raise BadFile(path, [_problem(item) for item in error.errors()]) from None
    except UnstorableText as error:
        raise BadFile(
            path, [f"{item['field']}: {item['message']}" for item in error.extra["errors"]]
        ) from None
    return decode(RequestDraft, draft.model_dump(mode="json"))


def _document(path: Path) -> Any:
    import yaml

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadFile(path, ["a request has at most one million bytes"])
        # JSON is valid YAML.
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(path, [str(error.strerror)]) from None
    except UnicodeDecodeError:
        raise BadFile(path, ["it is not text in UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise BadFile(path, [f"{line}{error.problem}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFile(path, [f"it is neither YAML nor JSON: {error}"]) from None


def _problem(item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"])
    return f"{field}: {item['msg']}" if field else str(item["msg"])
