"""What lint says of a rubric's content, from its words and from the verdicts that were given under it."""

from django.db.models import Count, Max, Min

from rewards.models import Verdict
from rewards.rubrics.content import RubricContent
from rewards.rubrics.lint import Finding, Measure, lint, lint_measured
from rewards.verdict_table import columns_asking_the_same


def findings_about(content: RubricContent, *, rubric_id: int | None = None) -> list[Finding]:
    """All findings; two queries where the rubric is stored, whose verdicts are then looked at as well."""
    return (
        lint(content) if rubric_id is None else [*lint(content), *lint_measured(content, measures(rubric_id, content))]
    )


def measures(rubric_id: int, content: RubricContent) -> dict[str, Measure]:
    """By criterion key, what standing verdicts on current outputs say; two queries.

    As for scores, a verdict counts where its version asked the same question.
    """
    columns = columns_asking_the_same(rubric_id, content)
    scored = Verdict.objects.standing().of_current_outputs().filter(criterion__in=columns, value__isnull=False)
    rows = scored.values_list("criterion").annotate(
        n=Count("judgment__output", distinct=True), low=Min("value"), high=Max("value")
    )
    found: dict[str, Measure] = {}
    for criterion, n, low, high in rows:
        key = content.keys[columns[criterion]]
        # Versions that ask the same may have been judged on different outputs, or on the same ones again: n is at
        # least the larger number.
        old = found.get(key)
        found[key] = (
            Measure(n, low, high) if old is None else Measure(max(n, old.n), min(low, old.low), max(high, old.high))
        )
    return found
