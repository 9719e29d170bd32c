"""Erasing judgments and replies for good: the only place that opens the door for them, besides undoing an import."""

from datetime import datetime

from django.db import connection, models
from django.db.models import F, QuerySet

from projects.erasing import erasing
from projects.models import Fate, Project, User
from rewards.models import (
    Comparison,
    Critique,
    DerivedScore,
    Judgment,
    JudgmentTrace,
    RankedOutput,
    Ranking,
    Rater,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)

CHUNK = 5_000
"""Judgments that go in one statement of each table, where they go in one transaction."""

_ANSWERS: tuple[type[models.Model], ...] = (
    JudgmentTrace,
    Verdict,
    Rating,
    Comparison,
    Ranking,
    SpanMark,
    StepLabel,
    Critique,
)


def purge_judgments(judgments: QuerySet[Judgment]) -> int:
    """Delete judgments of one project with their answers, and what was derived from them; how many.

    What other people said stays: a correction of a purged judgment, and an answer to a purged mark, lose the reference.
    Scores of the tasks are derived anew when they are asked for. Call in a transaction if it is part of something.
    """
    keys = list(judgments.order_by("pk").values_list("pk", flat=True))
    return sum(purge(keys[start : start + CHUNK]) for start in range(0, len(keys), CHUNK))


def purge(keys: list[int]) -> int:
    """The same for the judgments with these keys, a few thousand at most, in one transaction."""
    with erasing():
        mine = Judgment.objects.filter(pk__in=keys)
        tasks = list(mine.order_by().values_list("task", flat=True).distinct())
        DerivedScore.objects.filter(output__task__in=tasks)._raw_delete("default")
        standing = mine.filter(withdrawn_at=None).order_by().values("project").annotate(n=models.Count("pk"))
        for row in list(standing):
            counted = Project.objects.filter(pk=row["project"])
            counted.update(judgment_count=models.functions.Greatest(F("judgment_count") - row["n"], 0))
        SpanMark.objects.filter(origin__judgment__in=keys).update(origin=None)
        Judgment.objects.filter(replaces__in=keys).update(replaces=None)
        RankedOutput.objects.filter(ranking__in=keys)._raw_delete("default")
        for model in _ANSWERS:
            model._default_manager.filter(judgment__in=keys)._raw_delete("default")
        return mine._raw_delete("default")


def judgments_of_person(user: User, project: Project) -> QuerySet[Judgment]:
    """What a person judged in a project, taken back or not."""
    return Judgment.objects.filter(project=project, rater__user=user)


def part_with(user: User, project: Project) -> dict[str, int]:
    """Let the rater be known by the pseudonym alone; how many judgments stay under it, if any stay.

    The row of the rater is kept in either case: exports name the pseudonym, and nobody else must ever be given it.
    """
    Rater.objects.filter(project=project, user=user).update(name=F("pseudonym"))
    if project.fate_of_judgments == Fate.PURGE:
        return {}
    return {"judgments_pseudonymised": judgments_of_person(user, project).count()}


def withdrawn_before(project: Project, before: datetime) -> QuerySet[Judgment]:
    """Judgments that somebody took back before that time."""
    return Judgment.objects.filter(project=project, withdrawn_at__lt=before)


def with_replies_before(project: Project, before: datetime) -> QuerySet[JudgmentTrace]:
    """Traces of judgments made before that time whose replies still have their text."""
    traces = JudgmentTrace.objects.filter(judgment__project=project, judgment__created_at__lt=before)
    return traces.exclude(replies=[]).exclude(replies__contains=[{"erased": True}])


def erase_replies(keys: list[int]) -> None:
    """Take the text out of models' replies, and leave purpose, parse state, tokens, times and hashes."""
    with erasing():
        strip_replies(JudgmentTrace._meta.db_table, "judgment_id", keys)


def strip_replies(table: str, key: str, keys: list[int]) -> None:
    """Take the text out of the column `replies` of these rows; table and key are ours, never a user's words."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} SET replies = (
                SELECT jsonb_agg((reply - 'text' - 'detail') || '{{"erased": true}}'::jsonb ORDER BY place)
                FROM jsonb_array_elements(replies) WITH ORDINALITY AS each(reply, place)
            ) WHERE {key} = ANY(%s)""",
            [keys],
        )
