"""The client reads every example of the document, and writes it back as it was."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.client import models
from orchestrator.client.encoding import decode, encode
from tools.write_openapi import FILE, ROOT

Content = dict[str, Any]


def contents() -> Iterator[tuple[str, Content]]:
    """Yield the JSON bodies of all operations with their names: requests, and responses of success."""
    document = json.loads((ROOT / FILE).read_text(encoding="utf-8"))
    for path in document["paths"].values():
        for operation in path.values():
            bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                content = body.get("content", {}).get("application/json", {})
                if "example" in content:
                    yield f"{operation['operationId']} {name}", content


EXAMPLES = dict(contents())


def test_requests_and_responses_have_examples() -> None:
    assert sum(name.endswith(" body") for name in EXAMPLES) >= 10
    assert sum(name.endswith(" 200") for name in EXAMPLES) >= 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_and_written_back_as_it_was(name: str) -> None:
    example, schema = EXAMPLES[name]["example"], EXAMPLES[name]["schema"]
    kind = getattr(models, schema["$ref"].rpartition("/")[2])
    # The service writes UTC as Z or as +00:00, the client always as Z.
    assert encode(decode(kind, example)) == json.loads(json.dumps(example).replace("+00:00", "Z"))
