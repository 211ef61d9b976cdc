"""Invariants 23 and 25 on the rendered bundle: the same input gives the same bytes, and text stays text."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.runs import rendering
from orchestrator.runs.rendering import Host, Tags

TAGS = Tags("GC-2019-0001", "SLJ", "SYS-019")
MODULE = {"main.tf": b'resource "x" "y" {}\n', ".terraform.lock.hcl": b"# lock\n"}
CORPUS = [
    '${file("/etc/passwd")}',
    "%{ for x in var.instances }${x}%{ endfor }",
    '"}\nresource "x" "y" {\n',
    "{{ lookup('pipe','id') }}",
    "{% for x in range(9) %}x{% endfor %}",
    '=HYPERLINK("http://127.0.0.1")',
    "<script>alert(1)</script>",
    "'; DROP TABLE audit_events; --",
    '\\"\\u0022 ${ %{',
    "$${literal} %%{literal}",
    "!unsafe x: &a [*a]",
    "市水利局\u2028\u202e",
]

texts = st.sampled_from(CORPUS) | st.text(max_size=60)
keys = st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True)
hosts = st.builds(
    Host,
    key=keys,
    label=texts,
    purpose=st.sampled_from(["app", "db"]),
    pool=st.just("EXT-X86"),
    arch=st.just("x86"),
    image=st.just("debian-12"),
    vcpu=st.integers(1, 128),
    memory_gb=st.integers(1, 2048),
    ports=st.lists(st.integers(1, 65535), max_size=5).map(tuple),
    disk_gb=st.integers(0, 10_000),
    disk_tier=st.sampled_from(["SSD", "SATA"]),
)
requests = st.lists(hosts, max_size=6, unique_by=lambda host: host.key)


def rendered(order: list[Host]) -> dict[str, bytes]:
    return rendering.bundle(MODULE, rendering.variables("slj-2019-0001", "extranet", TAGS, order))


@pytest.mark.invariant(23)
@given(requests, st.randoms(use_true_random=False))
def test_the_same_input_in_any_order_gives_the_same_bytes(order: list[Host], chance: random.Random) -> None:
    shuffled = chance.sample(order, len(order))
    first, second = rendered(order), rendered(shuffled)
    assert first == second
    assert rendering.pack(first) == rendering.pack(second)
    assert rendering.bundle_digest(first) == rendering.bundle_digest(dict(reversed(second.items())))
    assert rendering.unpack(rendering.pack(first)) == first


@pytest.mark.invariant(25)
@given(requests)
def test_what_a_person_typed_arrives_as_the_same_text_and_only_in_the_variables(order: list[Host]) -> None:
    files = rendered(order)
    assert {name: content for name, content in files.items() if name != rendering.VARIABLES_FILE} == MODULE
    instances = json.loads(files[rendering.VARIABLES_FILE])["instances"]
    assert {key: value["label"] for key, value in instances.items()} == {
        host.key: host.label for host in order
    }


@given(st.text(max_size=30))
def test_only_a_plain_key_becomes_an_address(key: str) -> None:
    host = Host(key, "x", "app", "EXT-X86", "x86", "debian-12", 1, 1, (), 0, "SSD")
    plain = key.isascii() and key[:1].isalpha() and key.replace("-", "a").isalnum() and key == key.lower()
    if plain:
        assert list(rendering.variables("w", "z", TAGS, [host])["instances"]) == [key]
    else:
        with pytest.raises(ValueError, match="not a plain key"):
            rendering.variables("w", "z", TAGS, [host])


def test_the_longest_key_that_a_request_may_carry_has_room_for_number_and_disk() -> None:
    host = Host("w" * 24 + "-200", "x", "app", "EXT-X86", "x86", "debian-12", 1, 1, (), 1, "SSD")
    assert list(rendering.variables("w", "z", TAGS, [host])["volumes"]) == ["w" * 24 + "-200-data"]


@given(requests, st.data())
def test_every_byte_and_every_name_counts_in_the_digest(order: list[Host], data: st.DataObject) -> None:
    files = rendered(order)
    name = data.draw(st.sampled_from(sorted(files)))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    edited = bytearray(files[name])
    edited[place] ^= 1
    digest = rendering.bundle_digest(files)
    assert rendering.bundle_digest({**files, name: bytes(edited)}) != digest
    moved = {("other" if each == name else each): content for each, content in files.items()}
    assert rendering.bundle_digest(moved) != digest
    assert rendering.bundle_digest({**files, "more.tf": b""}) != digest


def test_names_and_contents_cannot_be_shifted_against_each_other() -> None:
    assert rendering.bundle_digest({"a": b"", "b": b""}) != rendering.bundle_digest({"ab": b""})
    assert rendering.bundle_digest({"a:b": b"c"}) != rendering.bundle_digest({"a": b"b:c"})
