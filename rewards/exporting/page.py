"""What the page of one export shows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.core.files.storage import default_storage
from django.utils.translation import gettext

from projects.holdings import in_words, of_datasets
from rewards.exporting.build import COUNTS
from rewards.exporting.choices import ordered_splits
from rewards.exporting.description import FACTS
from rewards.exporting.downloads import folder_name
from rewards.formats.cards import CARD_NAME
from rewards.formats.registry import EXPORT_FORMATS
from rewards.models import Export, ExportFile

_LONGEST_CARD = 100_000


class LeftOut(NamedTuple):
    """A reason with its number; `share` is of the largest number, in percent, for the bar."""

    label: str
    number: int
    share: int


class ExportPage(NamedTuple):
    """A ready export in the order in which people ask."""

    format_title: str
    counts: list[tuple[str, int]]
    left_out: list[LeftOut]
    choices: list[tuple[str, str]]
    licences: list[tuple[str, int]]
    files: list[ExportFile]
    card: str
    folder: str
    splits: str
    erased: list[tuple[str, int]]
    """From the project since it was made: what of it is in here, is in here still."""


def export_page(export: Export) -> ExportPage:
    """Read the files and the card; two queries and one small file where it is ready."""
    manifest, known = export.manifest, EXPORT_FORMATS.get(export.format)
    labels = manifest.get("labels", {})
    reasons = manifest.get("left_out", {})
    most = max(reasons.values(), default=0)
    files = list(export.files.in_order())
    return ExportPage(
        format_title=gettext(known.title) if known else export.format,
        counts=[(labels.get(name, name), count) for name, count in _in_order(manifest.get("counts", {}), COUNTS)],
        left_out=[
            LeftOut(labels.get(name, name), count, max(1, 100 * count // most))
            for name, count in sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))
        ],
        choices=[
            (name.replace("_", " "), _words(value)) for name, value in _in_order(manifest.get("filters", {}), FACTS)
        ],
        licences=list(manifest.get("licences", {}).items()),
        files=files,
        card=_card(files),
        folder=folder_name(export),
        splits=_splits(manifest.get("split", {})),
        erased=in_words(erased_since(export)),
    )


def erased_since(export: Export) -> dict[str, int]:
    """What went from the project after a ready export was made, by what it was; one query."""
    return of_datasets(export.project.erasures.totals(since=export.finished_at)) if export.finished_at else {}


def _in_order(facts: Mapping[str, Any], order: Sequence[str]) -> list[tuple[str, Any]]:
    """A stored JSON object keeps no order of its own."""
    return sorted(facts.items(), key=lambda fact: order.index(fact[0]) if fact[0] in order else len(order))


def _splits(split: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{name} {share:.4g}" for name, share in ordered_splits(split.get("fractions", {})).items())
    return f"{shares}; seed {split['seed']}" if shares else ""


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _card(files: list[ExportFile]) -> str:
    """The card's words without its front matter, which is for programs."""
    card = next((file for file in files if file.path == CARD_NAME), None)
    if card is None or not default_storage.exists(card.stored_as):
        return ""
    with default_storage.open(card.stored_as, "rb") as stored:
        content: bytes = stored.read(_LONGEST_CARD)
    text = content.decode(errors="replace")
    return text.partition("\n---\n")[2].strip() or text
