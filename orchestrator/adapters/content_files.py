"""Read the content folder. All mistakes are reported together, each with its file and line.

Content with mistakes is not loaded: a reading has either a bundle or problems.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from orchestrator.adapters.document_files import DocumentReader, Problem
from orchestrator.content.bundle import ContentBundle
from orchestrator.content.documents import (
    FOLDERS,
    SINGLE_FILES,
    OrganisationDocument,
    PriceCatalogueDocument,
    QuotaRules,
    ResourcePoolDocument,
    ResourcePoolsDocument,
    SkuDocument,
    SkusDocument,
    SystemDocument,
    SystemsDocument,
)
from orchestrator.content.references import reference_findings
from orchestrator.core.documents import Document

MAX_FILES = 2_000

Coded = TypeVar(
    "Coded", OrganisationDocument, SystemDocument, SkuDocument, PriceCatalogueDocument, ResourcePoolDocument
)


@dataclass(frozen=True)
class ContentReading:
    """Result of reading the content folder: a bundle, or problems sorted by file and line."""

    bundle: ContentBundle | None
    problems: tuple[Problem, ...]


def read_content(folder: Path) -> ContentReading:
    """Read the files below ``folder/quotas``; ``folder`` is the product's content folder.

    A mistake in the content becomes a problem of the reading, not an exception.
    """
    reader = DocumentReader(folder)
    for file, model in _files(reader):
        reader.read(file, model)
    for finding in reference_findings(reader.raw, reader.documents):
        reader.add(finding.file, finding.path, finding.message)
    if reader.problems:
        return ContentReading(None, tuple(sorted(reader.problems)))
    return ContentReading(_bundle(reader.documents), ())


def _files(reader: DocumentReader) -> Iterator[tuple[str, type[Document]]]:
    """Yield the expected files that exist; a missing or unexpected file becomes a problem."""
    paths = (reader.folder / "quotas").rglob("*")
    present = sorted(path.relative_to(reader.folder).as_posix() for path in paths if _is_content(path))
    if len(present) > MAX_FILES:
        reader.complain("quotas", f"there are more than {MAX_FILES} files")
        return
    for file in sorted(set(SINGLE_FILES) - set(present)):
        reader.complain(file, "this file is missing")
    for file in present:
        name = PurePosixPath(file)
        model = SINGLE_FILES.get(file) or (FOLDERS.get(str(name.parent)) if name.suffix == ".yml" else None)
        if model is None or (reader.folder / file).is_symlink():
            reader.complain(
                file, "content is ordinary .yml files in the known places; this one is not expected"
            )
        else:
            yield file, model


def _is_content(path: Path) -> bool:
    return (path.is_symlink() or not path.is_dir()) and path.suffix != ".md" and not path.name.startswith(".")


def _by_code(documents: Iterable[Coded]) -> tuple[Coded, ...]:
    return tuple(sorted(documents, key=lambda document: document.code))


def _bundle(documents: Mapping[str, Document]) -> ContentBundle:
    loaded = list(documents.values())
    (systems,) = (document for document in loaded if isinstance(document, SystemsDocument))
    (skus,) = (document for document in loaded if isinstance(document, SkusDocument))
    (pools,) = (document for document in loaded if isinstance(document, ResourcePoolsDocument))
    (rules,) = (document for document in loaded if isinstance(document, QuotaRules))
    return ContentBundle(
        organisations=_by_code(document for document in loaded if isinstance(document, OrganisationDocument)),
        systems=_by_code(systems.systems),
        skus=_by_code(skus.skus),
        price_catalogues=_by_code(
            document for document in loaded if isinstance(document, PriceCatalogueDocument)
        ),
        resource_pools=_by_code(pools.resource_pools),
        quota_rules=rules,
    )
