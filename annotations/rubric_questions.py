"""Criteria of a rubric as questions for people, so that their ratings meet a judge's verdicts on the same criterion."""

from typing import Any

from rewards.models import Criterion

BINARY_ANCHORS = {"1": "Not at all", "5": "Completely"}


def rating_of(criterion: Criterion) -> dict[str, Any]:
    """A rating question for one criterion, as `annotations.protocols` reads it.

    A criterion with levels is rated on its levels, from 1 for the first; a binary one from 1 to 5.
    """
    levels = criterion.levels if 2 <= len(criterion.levels) <= 11 else []
    anchors = {
        str(number): level["label"] + (f": {level['anchor']}" if level.get("anchor") else "")
        for number, level in enumerate(levels, start=1)
    }
    return {
        "kind": "rating",
        "key": criterion.key.lower().strip("-_") or f"criterion-{criterion.pk}",
        "prompt": criterion.text[:1000],
        "scale_low": 1,
        "scale_high": len(levels) or 5,
        "anchors": {level: words[:300] for level, words in (anchors or BINARY_ANCHORS).items()},
        "allow_na": criterion.may_be_na,
        "criterion": criterion.pk,
    }
