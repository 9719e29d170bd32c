"""Builds a dataset: reads judgments once, writes the files of all splits as a stream, and describes them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from projects.holdings import WORDS, all_holdings, of_datasets
from projects.models import Project
from rewards.exporting.choices import ExportChoices, Source, choices_from_json
from rewards.exporting.derivation import derive_for
from rewards.exporting.description import described
from rewards.exporting.folder import StoredFile, remove_stored, split_files
from rewards.exporting.reasons import REASONS
from rewards.exporting.recipes import READS as RECIPE_READS
from rewards.exporting.recipes import reward_rows
from rewards.exporting.rows import Row, Written, dataset_rows
from rewards.exporting.rubrics import READS, rubric_rows, tasks_in_scope
from rewards.exporting.scope import outputs_in_scope
from rewards.exporting.sources import Tally, count_unread, reading_of, task_items
from rewards.formats.cards import CARD_NAME, MANIFEST_NAME, DatasetFile, Manifest, dataset_card
from rewards.formats.registry import REWARDS
from rewards.models import Export

COUNTS = ("rows", "tasks", "outputs")
"""What a manifest counts, before what was read."""

Progress = Callable[[int, float], None]
"""Called with the rows written and the share of judgments read; whatever it raises ends the build."""


class Built(NamedTuple):
    """A dataset in the default storage."""

    manifest: Manifest
    files: list[StoredFile]


def build_dataset(export: Export, *, prefix: str, on_progress: Progress) -> Built:
    """Write the dataset that `export` asks for below `prefix` in the default storage.

    Memory does not grow with the number of judgments. Nothing stays in the storage if it fails.
    """
    choices = choices_from_json(export.options)
    tally, written = Tally(), Written()
    batches, total, reads = _rows(export.project, choices, tally, written)
    columns = choices.export_format.columns(margin=choices.margin, ids=choices.ids, weight=choices.has_weight)
    stored: list[StoredFile] = []
    try:
        with split_files(choices.fractions, choices.file_type, columns, prefix=f"building-{export.pk}-") as files:
            for rows in batches:
                files.write(rows)
                on_progress(written.rows, tally.read / max(total, 1))
            for file in files.store(prefix):
                stored.append(file)
                on_progress(written.rows, 1.0)
        if choices.export_format.kind != REWARDS:
            count_unread(export.project, choices, tally)
        manifest = _manifest(export, choices, tally, written, reads, [file.file for file in stored])
        stored[:0] = _store_texts(manifest, prefix)
    except BaseException:
        remove_stored(file.stored_as for file in stored)
        raise
    return Built(manifest, stored)


def _rows(
    project: Project, choices: ExportChoices, tally: Tally, written: Written
) -> tuple[Iterator[Mapping[str, list[Row]]], int, str]:
    """Rows by split, some at a time; of how many things they are made, and what those are, in the plural."""
    if choices.source == Source.RUBRICS:
        total = tasks_in_scope(project, choices).count()
        return rubric_rows(project, choices, tally, written), total, READS
    if choices.export_format.kind == REWARDS:
        total = outputs_in_scope(project, choices).count()
        return reward_rows(project, choices, tally, written), total, RECIPE_READS
    reading = reading_of(project, choices, definition_hash=derive_for(project, choices))
    return dataset_rows(task_items(reading, tally), choices, tally, written), reading.rows.count(), reading.reads


def software_version() -> str:
    """The version of Rubricate that runs here, `development` where it is not installed as a package."""
    try:
        return metadata.version("rubricate")
    except metadata.PackageNotFoundError:
        return "development"


def left_out(tally: Tally) -> dict[str, int]:
    """What made no row, by reason, in the order in which `REASONS` tells of them."""
    return {reason: tally.left_out[reason] for reason in REASONS if tally.left_out[reason]}


def _manifest(
    export: Export, choices: ExportChoices, tally: Tally, written: Written, reads: str, files: list[DatasetFile]
) -> Manifest:
    reasons = left_out(tally)
    counts = {"rows": written.rows, "tasks": written.tasks, "outputs": written.outputs, f"{reads}_read": tally.read}
    erased = of_datasets(export.project.erasures.totals())
    return Manifest(
        name=export.name,
        format=choices.format,
        file_type=choices.file_type,
        rubricate_version=software_version(),
        created_at=timezone.now(),
        columns=choices.export_format.columns(margin=choices.margin, ids=choices.ids, weight=choices.has_weight),
        filters=described(export.project, choices),
        split_seed=choices.seed,
        split_fractions=choices.fractions,
        counts=counts,
        left_out=reasons,
        licences=dict(sorted(written.licences.items())),
        files=files,
        labels={f"{reads}_read": f"{reads} read"}
        | {reason: REASONS[reason] for reason in reasons}
        | {what: WORDS[what] for what in erased if what in WORDS},
        erased=erased,
        consents=[consent for holdings in all_holdings() for consent in holdings.consents_of(export.project)],
    )


def _store_texts(manifest: Manifest, prefix: str) -> list[StoredFile]:
    contents: Mapping[str, bytes] = {
        CARD_NAME: dataset_card(manifest).encode(),
        MANIFEST_NAME: manifest.to_bytes(),
    }
    return [
        StoredFile(
            DatasetFile(name, "", 0, len(content), hashlib.sha256(content).hexdigest()),
            default_storage.save(f"{prefix}/{name}", ContentFile(content)),
        )
        for name, content in contents.items()
    ]
