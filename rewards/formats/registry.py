"""All formats by name: what can be imported and what can be exported.

To add one, write its file beside these and list it here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rewards.formats import (
    fine_grained_rlhf,
    healthbench,
    llmfao,
    rar,
    reward_rows,
    rubricate_csv,
    rubricate_jsonl,
    rubricate_spans,
    sparse_feedback,
    trl,
)
from rewards.formats.records import Record, RowError
from rewards.formats.row_files import WRITERS, Columns
from rewards.formats.sources import SourceFile

Reader = Callable[[Sequence[SourceFile], Mapping[str, str]], Iterator[Record | RowError]]


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that an import offers; its value is text."""

    name: str
    title: str
    help: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A format that files are read from."""

    name: str
    title: str
    reads: str
    """What the files bring, in a few words."""
    help: str
    extensions: tuple[str, ...]
    _reader: Reader
    options: tuple[Option, ...] = ()

    def read(
        self, files: Sequence[SourceFile], options: Mapping[str, str] | None = None
    ) -> Iterator[Record | RowError]:
        """Yield the records of all files, options that are not given standing at their defaults.

        Raises
        ------
        ValueError
            For an option that the format does not have.
        FormatError
            While reading, if a file cannot be read at all.
        """
        given = options or {}
        known = {option.name: option.default for option in self.options}
        if unknown := given.keys() - known.keys():
            raise ValueError(f"format {self.name} has no option {', '.join(sorted(unknown))}")
        return self._reader(files, known | {name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format that datasets are written in; its files are those of `row_files.WRITERS`."""

    name: str
    title: str
    writes: str
    help: str
    kind: str
    """What `trl` calls the shape of its rows; of `RUBRIC_KINDS`, the format itself."""
    conversational: bool
    file_types: tuple[str, ...] = tuple(WRITERS)

    def columns(self, *, margin: bool = True, ids: bool = False, weight: bool = False) -> Columns:
        """Return the columns of the files; those of tasks with rubrics are always the same."""
        if self.kind in RUBRIC_KINDS:
            return RUBRIC_KINDS[self.kind]
        if self.kind == REWARDS:
            return reward_rows.columns_of(ids=ids)
        return trl.columns_of(self.kind, conversational=self.conversational, margin=margin, ids=ids, weight=weight)


RUBRIC_KINDS: Final[Mapping[str, Columns]] = {
    healthbench.NAME: healthbench.COLUMNS,
    rar.NAME: rar.COLUMNS,
}
"""Formats of tasks with their own rubrics, and their columns."""
REWARDS: Final = "rewards"
"""The kind of outputs with a recipe's rewards."""

_RATER_HELP: Final = "The files do not say who gave the feedback; it is stored under this name."

IMPORT_FORMATS: Final[Mapping[str, ImportFormat]] = {
    entry.name: entry
    for entry in (
        ImportFormat(
            name="rubricate_jsonl",
            title="Rubricate JSONL",
            reads="tasks with outputs and rubrics",
            help="One JSON object a line: id, prompt or messages, and if you like reference, context, tags, split, "
            "licence, metadata, rubric and outputs (each with id, policy, text or messages, generation).",
            extensions=(".jsonl", ".ndjson"),
            _reader=rubricate_jsonl.read,
        ),
        ImportFormat(
            name="rubricate_csv",
            title="Rubricate CSV",
            reads="tasks with outputs",
            help="A header and one row an output: " + ", ".join(rubricate_csv.COLUMNS) + ". Rows with the same task_id "
            "are one task; its columns may be left empty after the first. Tags are separated by bars (|).",
            extensions=(".csv",),
            _reader=rubricate_csv.read,
        ),
        ImportFormat(
            name=rubricate_spans.NAME,
            title="Rubricate spans JSONL",
            reads="spans on outputs that are stored",
            help="One JSON object a line: output (its id), rater and spans, each with start, end and type, and if you "
            "like message, severity, value, explanation, quote, prefix, suffix and text_sha256. Where the stored text "
            "is another than the one that was marked, a span is found again by its words and what stands around them.",
            extensions=(".jsonl", ".ndjson"),
            _reader=rubricate_spans.read,
            options=(
                Option(
                    "rater", "Rater", "Whose spans they are where a line does not say.", rubricate_spans.DEFAULT_RATER
                ),
                Option(
                    "units",
                    "Units of the offsets",
                    "“code points”, or “utf-16” for the code units that browsers and Langfuse count.",
                    rubricate_spans.CODE_POINTS,
                ),
            ),
        ),
        ImportFormat(
            name="sparse_feedback",
            title="Peering Through Preferences",
            reads="tasks with outputs, ratings and comparisons",
            help="The CSV files of ratings (4 columns) and rankings (5 columns), without a header, and "
            "sample_generation.json. Choose them together: they are joined by their texts.",
            extensions=(".csv", ".json"),
            _reader=sparse_feedback.read,
            options=(
                Option("rater", "Rater", _RATER_HELP, sparse_feedback.DEFAULT_RATER),
                Option("policy", "Policy", "Which model wrote the responses, if you know it: the files do not say."),
            ),
        ),
        ImportFormat(
            name="fine_grained_rlhf",
            title="Fine-Grained RLHF",
            reads="tasks with outputs, error spans, comparisons and critiques",
            help="The feedback files of the long-form question answering task, such as dev_feedback.json: one array "
            "of questions with passages, four answers and the feedback on them.",
            extensions=(".json",),
            _reader=fine_grained_rlhf.read,
            options=(Option("rater", "Rater", _RATER_HELP, fine_grained_rlhf.DEFAULT_RATER),),
        ),
        ImportFormat(
            name="llmfao",
            title="LLMFAO",
            reads="tasks with outputs and comparisons",
            help="A CSV of comparisons with left, right and winner (left, right or tie), such as llmfao.csv. It holds "
            "no texts: choose prompts.jsonl and results.jsonl with it, or people will have nothing to read.",
            extensions=(".csv", ".jsonl"),
            _reader=llmfao.read,
            options=(Option("rater", "Rater", _RATER_HELP, llmfao.DEFAULT_RATER),),
        ),
        ImportFormat(
            name=healthbench.NAME,
            title="HealthBench",
            reads="tasks with their own rubrics",
            help="One JSON object a line: prompt, prompt_id and rubrics (each with criterion, points and tags); the "
            "ideal completion becomes the reference. Each conversation's criteria become its task's own rubric.",
            extensions=(".jsonl", ".ndjson"),
            _reader=healthbench.read,
        ),
        ImportFormat(
            name=rar.NAME,
            title="Rubrics as Rewards (RaR-Medicine, RaR-Science)",
            reads="tasks with their own rubrics",
            help="JSONL or Parquet with question, reference_answer and rubric (each item with title, description and "
            "weight). The category at the beginning of a description becomes the criterion's importance.",
            extensions=(".jsonl", ".parquet"),
            _reader=rar.read,
            options=(
                Option(
                    "weights",
                    "Weights",
                    "“category”: Essential 1, Important 0.7, Optional 0.3, Pitfall 0.9, as in the paper. “numbers”: "
                    "the whole numbers of the files.",
                    rar.BY_CATEGORY,
                ),
            ),
        ),
    )
}

EXPORT_FORMATS: Final[Mapping[str, ExportFormat]] = {
    entry.name: entry
    for entry in (
        ExportFormat(
            name="trl_preference",
            title="TRL preference",
            writes="prompt, chosen, rejected, margin",
            help="For DPO and reward models; texts are strings.",
            kind="preference",
            conversational=False,
        ),
        ExportFormat(
            name="trl_preference_conversational",
            title="TRL preference, conversational",
            writes="prompt, chosen, rejected, margin",
            help="For DPO and reward models; texts are lists of messages, put into form by the model's chat template.",
            kind="preference",
            conversational=True,
        ),
        ExportFormat(
            name="trl_unpaired",
            title="TRL unpaired preference",
            writes="prompt, completion, label",
            help="For KTO and BCO; texts are strings.",
            kind="unpaired",
            conversational=False,
        ),
        ExportFormat(
            name="trl_unpaired_conversational",
            title="TRL unpaired preference, conversational",
            writes="prompt, completion, label",
            help="For KTO and BCO; texts are lists of messages, put into form by the model's chat template.",
            kind="unpaired",
            conversational=True,
        ),
        ExportFormat(
            name=reward_rows.NAME,
            title="Outputs with rewards and advantages",
            writes=", ".join(reward_rows.COLUMNS),
            help="One row an output with a recipe's numbers: on the whole, and on each segment with its characters.",
            kind=REWARDS,
            conversational=True,
        ),
        ExportFormat(
            name=healthbench.NAME,
            title="HealthBench",
            writes="prompt, prompt_id, rubrics with points",
            help="Tasks with their own rubrics, newest version; criteria of yes and no, points from -10 to 10. JSONL.",
            kind=healthbench.NAME,
            conversational=True,
            file_types=("jsonl",),
        ),
        ExportFormat(
            name=rar.NAME,
            title="Rubrics as Rewards",
            writes="question, reference_answer, rubric",
            help="Tasks with their own rubrics, newest version; the category stands before each description.",
            kind=rar.NAME,
            conversational=False,
        ),
    )
}
