"""Stored judgments as the plain rows that `rewards.statistics` takes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from django.db.models import Model, QuerySet

from projects.models import Project
from rewards.adjudicated import PREFIX
from rewards.models import Comparison, Output, Rater, Rating, Verdict
from rewards.statistics import protocols
from rewards.statistics.breakdowns import TextLength, text_length
from rewards.statistics.preferences import Preference

M = TypeVar("M", bound=Model)

Raters = Sequence[int]
"""Ids of raters; none at all means every rater."""


_CHOICES: dict[str, protocols.Choice] = {"a": "a", "b": "b", "tie": "equal"}


class Triples(NamedTuple):
    """Parallel columns: what was judged, by whom, and the answer."""

    units: list[str]
    raters: list[int]
    values: list[float | str | None]


def ratings_of(project: Project, *, question: str, raters: Raters = ()) -> Iterator[protocols.Rating]:
    """Standing ratings in the order in which they were given."""
    rows = _ratings(project, question, raters).values_list(
        "judgment__task_id", "judgment__output_id", "value", "judgment__rater_id"
    )
    return (protocols.Rating(*row) for row in rows.iterator(chunk_size=20_000))


def comparisons_of(project: Project, *, raters: Raters = ()) -> Iterator[protocols.Comparison]:
    """Standing comparisons in the order in which they were given; every kind of tie is "equal"."""
    rows = _comparisons(project, raters).values_list(
        "judgment__task_id", "output_a_id", "output_b_id", "choice", "judgment__rater_id"
    )
    for task, a, b, choice, rater in rows.iterator(chunk_size=20_000):
        yield protocols.Comparison(task, a, b, _CHOICES[choice], rater)


def decided(compared: Iterable[protocols.Comparison]) -> list[Preference]:
    """The comparisons in which one of two different outputs was preferred."""
    return [
        Preference(row.task, row.output_a, row.output_b)
        if row.choice == "a"
        else Preference(row.task, row.output_b, row.output_a)
        for row in compared
        if row.choice != "equal" and row.output_a != row.output_b
    ]


def people_of(project: Project) -> list[int]:
    """Ids of the raters that are no scorers: members, and raters that an imported file names."""
    people = Rater.objects.filter(project=project).exclude(kind=Rater.Kind.SCORER)
    return list(people.exclude(pseudonym__startswith=PREFIX).values_list("pk", flat=True))


def lengths_of(outputs: Iterable[int]) -> dict[tuple[int, int], TextLength]:
    """The length of each output's answer, by (task, output)."""
    rows = Output.objects.filter(pk__in=set(outputs)).values_list("task_id", "pk", "messages")
    return {
        (task, pk): text_length("\n".join(m["text"] for m in messages if m.get("channel", "answer") == "answer"))
        for task, pk, messages in rows.iterator(chunk_size=2_000)
    }


def rating_triples(project: Project, *, question: str, raters: Raters) -> Triples:
    """Unit: the output."""
    rows = _ratings(project, question, raters).values_list("judgment__output_id", "judgment__rater_id", "value")
    return _columns((str(output), rater, value) for output, rater, value in rows.iterator(chunk_size=20_000))


def comparison_triples(project: Project, *, raters: Raters) -> Triples:
    """Unit: the pair, whichever of the two came first; value: the preferred output's id, or "tie"."""
    rows = _comparisons(project, raters).values_list("output_a_id", "output_b_id", "judgment__rater_id", "choice")

    def triples() -> Iterator[tuple[str, int, str]]:
        for a, b, rater, choice in rows.iterator(chunk_size=20_000):
            preferred = {"a": str(a), "b": str(b), "tie": "tie"}
            yield f"{min(a, b)}-{max(a, b)}", rater, preferred[choice]

    return _columns(triples())


def verdict_triples(project: Project, *, raters: Raters) -> Triples:
    """Unit: one criterion (by key) on one output; value: the verdict's; unscored and not applicable are missing."""
    standing = Verdict.objects.filter(judgment__project=project, judgment__withdrawn_at__isnull=True)
    rows = _by(standing, raters)
    fields = rows.order_by("judgment_id").values_list(
        "judgment__output_id", "criterion__key", "judgment__rater_id", "value"
    )
    found = fields.iterator(chunk_size=20_000)
    return _columns((f"{output}/{key}", rater, value) for output, key, rater, value in found)


def raters_with(project: Project, kind: str) -> QuerySet[Rater]:
    """The raters who gave judgments of `kind`, for a choice on a form."""
    return Rater.objects.filter(
        pk__in=project.judgments.filter(kind=kind, withdrawn_at__isnull=True).values("rater")
    ).order_by("kind", "name")


def questions_of(project: Project) -> list[str]:
    """The rating questions that have answers."""
    return list(_ratings(project, "", ()).order_by("question").values_list("question", flat=True).distinct())


def _ratings(project: Project, question: str, raters: Raters) -> QuerySet[Rating]:
    rows = Rating.objects.filter(judgment__project=project, judgment__withdrawn_at__isnull=True)
    if question:
        rows = rows.filter(question=question)
    rows = _by(rows, raters)
    return rows.order_by("judgment_id")


def _comparisons(project: Project, raters: Raters) -> QuerySet[Comparison]:
    rows = Comparison.objects.filter(judgment__project=project, judgment__withdrawn_at__isnull=True)
    rows = _by(rows, raters)
    return rows.order_by("judgment_id")


def _by(rows: QuerySet[M], raters: Raters) -> QuerySet[M]:
    """Those of these raters; of all of them, not what somebody settled on: it would count others' answers again."""
    if raters:
        return rows.filter(judgment__rater__in=raters)
    return rows.exclude(judgment__rater__pseudonym__startswith=PREFIX)


def _columns(triples: Iterable[tuple[str, int, float | str | None]]) -> Triples:
    columns = Triples([], [], [])
    for unit, rater, value in triples:
        columns.units.append(unit)
        columns.raters.append(rater)
        columns.values.append(value)
    return columns
