"""Stored verdicts as a matrix of outputs by criteria: what every aggregation starts from."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db.models import BooleanField, ExpressionWrapper, F, Q

from projects.models import Project
from rewards.adjudicated import PREFIX, settled_first
from rewards.models import Criterion, RubricVersion, Task, Verdict
from rewards.rubrics.content import RubricContent

VerdictRow = tuple[int, int, int, int, float | None, str, bool]
"""Keys of output, judgment, rater and criterion, the value, the state, and whether somebody settled on it."""
_READ = ("judgment__output", "judgment", "judgment__rater", "criterion", "value", "state")
_IS_SETTLED = ExpressionWrapper(Q(judgment__rater__pseudonym__startswith=PREFIX), output_field=BooleanField())


class VerdictTable(NamedTuple):
    """Verdicts of some raters on the criteria of one rubric version.

    Attributes
    ----------
    content : RubricContent
        k criteria.
    output_ids : tuple of int, length n
        Outputs with at least one verdict, scored or not, in ascending order.
    values : ndarray of float64, shape (n, k)
        The mean over a rater's repeats, then over raters; NaN where nobody gave a value.
    not_applicable : ndarray of bool, shape (n, k)
        Where nobody gave a value and somebody said that it does not apply or cannot be assessed: an answer, where a
        judge's failure is none.
    judgment_ids : tuple of tuple of int, length n
        The judgments that each row is made of, in ascending order.
    """

    content: RubricContent
    output_ids: tuple[int, ...]
    values: npt.NDArray[np.float64]
    not_applicable: npt.NDArray[np.bool_]
    judgment_ids: tuple[tuple[int, ...], ...]

    def judgment_set_hash(self, row: int) -> str:
        """SHA-256 over the judgments that a row is made of."""
        return hashlib.sha256(",".join(map(str, self.judgment_ids[row])).encode()).hexdigest()


def verdict_table(
    version: RubricVersion,
    rater_ids: Collection[int],
    *,
    task_id: int | None = None,
    newest: int | None = None,
    output_ids: Collection[int] | None = None,
) -> VerdictTable:
    """Read the standing verdicts of these raters on current outputs, or on the `newest` so many; three queries.

    With `output_ids`, on those outputs instead, current or not.

    A verdict given under another version counts where that version asked the same question (key, text, kind and
    levels): new weights, must-haves or criteria cost no new judgment, a new wording does. A verdict that somebody
    settled on stands in the place of the others' on that criterion (see `rewards.adjudicated`).
    """
    content = version.content()
    columns = columns_asking_the_same(version.rubric_id, content)
    verdicts = Verdict.objects.standing().by(rater_ids).filter(criterion__in=columns)
    if output_ids is not None:
        verdicts = verdicts.filter(judgment__output__in=output_ids)
    else:
        verdicts = verdicts.of_current_outputs(task_id)
    if newest is not None:
        verdicts = verdicts.on_newest_outputs(newest)
    return _table(content, list(verdicts.values_list(*_READ, _IS_SETTLED)), columns)


def own_verdict_tables(project: Project, rater_ids: Collection[int], output_ids: Collection[int]) -> list[VerdictTable]:
    """The standing verdicts on these outputs under each task's own rubric in its newest version.

    A table for each rubric that has any; four queries, however many rubrics.
    """
    tasks = Task.objects.filter(project=project, outputs__in=output_ids).values("external_id")
    versions = RubricVersion.objects.newest_of_tasks(project).filter(rubric__task_external_id__in=tasks)
    contents = {version.rubric_id: version.content() for version in versions.with_criteria()}
    columns = _columns_by_rubric(contents)
    rubric_of = {criterion: rubric for rubric, found in columns.items() for criterion in found}
    verdicts = Verdict.objects.standing().by(rater_ids)
    rows: dict[int, list[VerdictRow]] = {}
    about = verdicts.filter(criterion__in=list(rubric_of), judgment__output__in=output_ids)
    for row in about.values_list(*_READ, _IS_SETTLED):
        rows.setdefault(rubric_of[row[3]], []).append(row)
    return [_table(contents[rubric], found, columns[rubric]) for rubric, found in rows.items()]


def columns_asking_the_same(rubric_id: int, content: RubricContent) -> dict[int, int]:
    """Place in `content` by key of every stored criterion of the rubric that asks the same; one query."""
    return _columns_by_rubric({rubric_id: content})[rubric_id]


def _columns_by_rubric(contents: Mapping[int, RubricContent]) -> dict[int, dict[int, int]]:
    """`columns_asking_the_same` of many rubrics; one query."""
    wanted = {
        (rubric, criterion.key, criterion.text, criterion.kind, criterion.levels): column
        for rubric, content in contents.items()
        for column, criterion in enumerate(content.criteria)
    }
    keys = {question[1] for question in wanted}
    stored = Criterion.objects.filter(version__rubric__in=list(contents), key__in=keys)
    columns: dict[int, dict[int, int]] = {rubric: {} for rubric in contents}
    for row in stored.annotate(rubric=F("version__rubric")):
        rubric, criterion = row.rubric, row.content()
        question = (rubric, criterion.key, criterion.text, criterion.kind, criterion.levels)
        if question in wanted:
            columns[rubric][row.pk] = wanted[question]
    return columns


def _table(content: RubricContent, rows: Sequence[VerdictRow], columns: Mapping[int, int]) -> VerdictTable:
    rows = settled_first(rows, unit=lambda row: (row[0], columns[row[3]]), settled=lambda row: row[6])
    outputs = sorted({row[0] for row in rows})
    by_rater = _by_rater(rows, outputs, columns, len(content.criteria))
    judgments: dict[int, set[int]] = {output: set() for output in outputs}
    for output, judgment, *_ in rows:
        judgments[output].add(judgment)
    values = _mean(by_rater)
    return VerdictTable(
        content=content,
        output_ids=tuple(outputs),
        values=values,
        not_applicable=_declined(rows, outputs, columns, len(content.criteria)) & np.isnan(values),
        judgment_ids=tuple(tuple(sorted(judgments[output])) for output in outputs),
    )


def _by_rater(
    rows: Sequence[VerdictRow], outputs: Sequence[int], columns: Mapping[int, int], n_criteria: int
) -> npt.NDArray[np.float64]:
    """Mean over repeats, shape (outputs, criteria, raters); NaN where there is no value."""
    raters = sorted({row[2] for row in rows})
    total = np.zeros((len(outputs), n_criteria, len(raters)))
    count = np.zeros_like(total)
    output_at = {output: index for index, output in enumerate(outputs)}
    rater_at = {rater: index for index, rater in enumerate(raters)}
    for output, _, rater, criterion, value, *_ in rows:
        if value is not None:
            cell = output_at[output], columns[criterion], rater_at[rater]
            total[cell] += value
            count[cell] += 1
    return _mean_by(total, count)


def _declined(
    rows: Sequence[VerdictRow], outputs: Sequence[int], columns: Mapping[int, int], n_criteria: int
) -> npt.NDArray[np.bool_]:
    """Where somebody said that a criterion does not apply, shape (outputs, criteria)."""
    flags = np.zeros((len(outputs), n_criteria), dtype=bool)
    output_at = {output: index for index, output in enumerate(outputs)}
    for output, _, _, criterion, _, state, _ in rows:
        if state == Verdict.State.NOT_APPLICABLE:
            flags[output_at[output], columns[criterion]] = True
    return flags


def _mean_by(total: npt.NDArray[np.float64], count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _mean(by_rater: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean over the last axis of what is there."""
    given = ~np.isnan(by_rater)
    return _mean_by(np.where(given, by_rater, 0.0).sum(axis=2), given.sum(axis=2).astype(np.float64))
