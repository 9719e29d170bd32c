"""What stands beside an exported dataset: `manifest.json` for programs, and a dataset card that `datasets` loads by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

import orjson
import yaml

from rewards.formats.row_files import Columns, ColumnType

MANIFEST_VERSION: Final = 1
CARD_NAME: Final = "README.md"
MANIFEST_NAME: Final = "manifest.json"


class _Dumper(yaml.SafeDumper):
    """Writes equal lists out each time: `datasets` empties what it reads and so breaks on references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_FEATURES: Final[Mapping[ColumnType, Mapping[str, Any]]] = {
    ColumnType.TEXT: {"dtype": "string"},
    ColumnType.NUMBER: {"dtype": "float64"},
    ColumnType.BOOLEAN: {"dtype": "bool"},
    ColumnType.MESSAGES: {"list": [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}]},
    ColumnType.WHOLE: {"dtype": "int64"},
    ColumnType.NUMBER_OR_NONE: {"dtype": "float64"},
    ColumnType.NUMBERS: {"list": "float64"},
    ColumnType.SPANS: {
        "list": [
            {"name": "message", "dtype": "int32"},
            {"name": "start", "dtype": "int32"},
            {"name": "end", "dtype": "int32"},
        ]
    },
    ColumnType.TEXTS: {"list": "string"},
    ColumnType.RUBRIC: {
        "list": [
            {"name": "title", "dtype": "string"},
            {"name": "description", "dtype": "string"},
            {"name": "weight", "dtype": "int64"},
        ]
    },
    ColumnType.POINTS: {
        "list": [
            {"name": "criterion", "dtype": "string"},
            {"name": "points", "dtype": "float64"},
            {"name": "tags", "list": "string"},
        ]
    },
    ColumnType.IDEAL: {
        "struct": [
            {"name": "ideal_completion", "dtype": "string"},
            {"name": "ideal_completions_group", "dtype": "string"},
            {"name": "ideal_completions_ref_completions", "list": "string"},
        ]
    },
}
_HUB_LICENCES: Final = frozenset(
    {
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
        "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-3.0", "odc-by", "odbl", "unlicense",
    }
)  # fmt: skip
"""Identifiers of the Hub's cards that are SPDX names in lower case; other licences are named in the text only."""


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """One file of rows; `path` is inside the dataset's folder."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that decides a frozen dataset's content, and what it came to."""

    name: str
    format: str
    file_type: str
    """One for the whole folder: `datasets` picks one reader for all files of a folder."""
    rubricate_version: str
    created_at: datetime
    columns: Columns
    filters: Mapping[str, Any]
    """The choices of whoever made the export, as they made them."""
    split_seed: int
    split_fractions: Mapping[str, float]
    counts: Mapping[str, int]
    """What went in: rows, tasks, outputs, judgments."""
    left_out: Mapping[str, int]
    """What did not, by reason: unscored, ties, withdrawn and so on."""
    licences: Mapping[str, int]
    """Tasks by licence; the empty name stands for tasks that state none."""
    files: Sequence[DatasetFile]
    labels: Mapping[str, str] = field(default_factory=dict)
    """Words for those names in `counts`, `left_out` and `erased` that do not speak for themselves."""
    erased: Mapping[str, int] = field(default_factory=dict)
    """What had gone from the project for good before this was made, by what it was: judgments of people who left."""
    consents: Sequence[Mapping[str, Any]] = ()
    """`campaign`, `version`, `sha256` of the text, `agreed` and `answered`: how many of the people who answered."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of `manifest.json`."""
        if self.created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        return {
            "manifest_version": MANIFEST_VERSION,
            "name": self.name,
            "format": self.format,
            "file_type": self.file_type,
            "rubricate_version": self.rubricate_version,
            "created_at": self.created_at.isoformat(),
            "columns": {name: str(kind) for name, kind in self.columns.items()},
            "filters": dict(self.filters),
            "split": {"by": "task", "seed": self.split_seed, "fractions": dict(self.split_fractions)},
            "counts": dict(self.counts),
            "left_out": dict(self.left_out),
            "labels": dict(self.labels),
            "licences": dict(self.licences),
            "erased": dict(self.erased),
            "consents": [dict(consent) for consent in self.consents],
            "files": [
                {
                    "path": file.path,
                    "split": file.split,
                    "rows": file.rows,
                    "bytes": file.bytes,
                    "sha256": file.sha256,
                }
                for file in self.files
            ],
        }

    def to_bytes(self) -> bytes:
        """Return `manifest.json` as it is written."""
        return orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def dataset_card(manifest: Manifest) -> str:
    """Return `README.md`: front matter that `datasets.load_dataset(folder)` reads, then the same facts for people.

    Splits without rows are named in the text but not offered, since `datasets` cannot load a JSONL file of no rows.
    """
    front = yaml.dump(_front_matter(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_body(manifest)}"


def _front_matter(manifest: Manifest) -> dict[str, Any]:
    # One line: readers of cards look for the next "---" line without asking what it stands in.
    front: dict[str, Any] = {"pretty_name": " ".join(manifest.name.split()), "tags": ["rubricate", "trl"]}
    stated = [name.lower() for name in manifest.licences if name]
    if len(stated) == len(manifest.licences) == 1 and stated[0] in _HUB_LICENCES:
        front["license"] = stated[0]
    offered = [{"split": file.split, "path": file.path} for file in manifest.files if file.rows]
    if offered:
        front["configs"] = [{"config_name": "default", "data_files": offered}]
        front["dataset_info"] = {
            "features": [{"name": name} | dict(_FEATURES[kind]) for name, kind in manifest.columns.items()]
        }
    return front


def _body(manifest: Manifest) -> str:
    created = manifest.created_at.strftime("%Y-%m-%d")
    fractions = ", ".join(f"{_inline(name)} {value:g}" for name, value in manifest.split_fractions.items())
    sections = [
        f"# {_inline(manifest.name)}",
        f"Made with Rubricate {_inline(manifest.rubricate_version)} on {created}, in the format `{manifest.format}` "
        f"({manifest.file_type}). `{MANIFEST_NAME}` beside this file says the same for programs, with the SHA-256 of "
        "every file.",
        "## Files",
        _table(
            ("file", "split", "rows", "bytes"),
            [(_inline(f.path), _inline(f.split), f"{f.rows:,}", f"{f.bytes:,}") for f in manifest.files],
        ),
        f"Split by task, so that no task is in two splits: {fractions}; seed {manifest.split_seed}.",
        "## Columns",
        _table(("column", "holds"), [(_inline(name), str(kind)) for name, kind in manifest.columns.items()]),
        "## What went in",
        _table(("what", "number"), _counted(manifest.counts, manifest.labels)),
        "## What was left out",
        _table(("what", "number"), _counted(manifest.left_out, manifest.labels)) if manifest.left_out else "Nothing.",
        "## Choices",
        _table(("choice", "value"), [(_inline(name), _inline(_as_text(v))) for name, v in manifest.filters.items()])
        if manifest.filters
        else "None were made.",
        "## Licences of the tasks",
        _table(
            ("licence", "tasks"),
            [(_inline(name) if name else "not stated", f"{count:,}") for name, count in manifest.licences.items()],
        )
        if manifest.licences
        else "There are no tasks.",
        *_people(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _people(manifest: Manifest) -> list[str]:
    """What is known of the people behind it: what was erased, and who agreed to what."""
    sections = []
    if manifest.erased:
        sections += [
            "## Erased before this was made",
            _table(("what", "number"), _counted(manifest.erased, manifest.labels)),
        ]
    if manifest.consents:
        rows = [
            (
                _inline(str(consent["campaign"])),
                str(consent["version"]),
                f"{consent['agreed']:,} of {consent['answered']:,}",
                f"`{consent['sha256']}`",
            )
            for consent in manifest.consents
        ]
        sections += [
            "## Consent",
            "People agreed to a text before their first item of a campaign; of those who answered, to the version in "
            "force:",
            _table(("campaign", "version", "agreed", "SHA-256 of the text"), rows),
        ]
    return sections


def _counted(counts: Mapping[str, int], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_inline(labels.get(name, name)), f"{count:,}") for name, count in counts.items()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _inline(text: str) -> str:
    """Make imported text safe inside a line of Markdown: no markup, no HTML, no line break."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]#|!~])", r"\\\1", escape(flat, quote=False))
