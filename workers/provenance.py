"""What stands behind a scorer's numbers, for the pages of the rewards app, which does not know of scorers."""

from collections.abc import Collection, Mapping
from typing import Any

from rewards.provenance import Fact, Made
from workers.models import Attempt, Scorer


def facts_of_raters(rater_ids: Collection[int]) -> dict[int, list[Fact]]:
    """Source, parameters, prompt, rubric and resolved models of the scorers among the raters; two queries."""
    scorers = Scorer.objects.for_list().filter(rater__in=rater_ids)
    return {scorer.rater_id: _facts(scorer) for scorer in scorers}


def facts_of_made(made: Collection[Made]) -> dict[Made, list[Fact]]:
    """The run, seed and code that computed what is identified by rater, input hash and repeat; one query."""
    attempts = (
        Attempt.objects.filter(
            rater__in={one.rater_id for one in made},
            input_hash__in={one.input_hash for one in made},
            status=Attempt.Status.SCORED,
        )
        .select_related("item__run")
        .order_by("id")
    )
    return {
        Made(attempt.rater_id, attempt.input_hash, attempt.repeat): [
            Fact("Run", str(attempt.item.run)),
            Fact("Seed", str(attempt.item.run.seed)),
            Fact("Code version", attempt.item.run.code_version or "not recorded"),
        ]
        for attempt in attempts
    }


def _facts(scorer: Scorer) -> list[Fact]:
    facts = [Fact("Source", f"{scorer.source}, version {scorer.source_version}")]
    facts += [Fact(name, _plain(value)) for name, value in sorted(scorer.parameters.items())]
    if scorer.prompt_version is not None:
        facts.append(Fact("Prompt", str(scorer.prompt_version)))
    if scorer.content.get("prompt"):
        facts.append(Fact("Prompt hash", scorer.content["prompt"]))
    if scorer.uses_task_rubric:
        facts.append(Fact("Rubric", "the task's own"))
    elif scorer.rubric_version is not None:
        facts.append(Fact("Rubric", f"{scorer.rubric_version}, {scorer.rubric_version.content_hash[:12]}"))
    for use in scorer.models.all():
        facts.append(Fact(f"Model as {use.role}", use.endpoint.name))
        identity: Mapping[str, Any] = scorer.content.get("models", {}).get(use.role, {})
        facts += [Fact(f"{use.role}: {part}", _plain(value)) for part, value in identity.items() if value != ""]
    return facts


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
