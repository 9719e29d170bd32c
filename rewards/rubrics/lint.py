"""What is probably wrong with a rubric that can be read: signs, duplicates, weights, levels and anchors."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from rewards.rubrics.content import Criterion, RubricContent

Severity = Literal["warning", "note"]


class Finding(NamedTuple):
    """One suspicion. ``key`` names the criterion, or is empty where it concerns the rubric as a whole."""

    severity: Severity
    code: str
    key: str
    message: str


# Wrong-signed points were found in the released HealthBench rubrics (simple-evals #77): wording gives the sign away.
_AVOIDS = re.compile(
    r"^\W*(?:the (?:response|answer|output|assistant|model)\s+)?"
    # Not "does not": "does not advise to see a doctor" is a fault as often as a virtue.
    r"(?:avoids?|must not|should not|never|refrains?|is free of|contains no|without)\b",
    re.IGNORECASE,
)
_FAULT = re.compile(
    r"^\W*(?:the (?:response|answer|output|assistant|model)\s+)?"
    r"(?:fails?|failed|omits?|neglects?|ignores?|forgets?|misstates?|misrepresents?|misses|hallucinates?|fabricates?|"
    r"(?:incorrectly|wrongly|falsely|inaccurately|needlessly|unnecessarily)\b|"
    r"(?:contains?|includes?|gives?|makes?|states?|provides?)\s+(?:an?\s+|any\s+)?"
    r"(?:incorrect|wrong|false|inaccurate|harmful|misleading|irrelevant|unsafe|dangerous|unsupported)\b)",
    re.IGNORECASE,
)
_PRAISE = re.compile(r"\b(?:correctly|accurately|clearly|appropriately|properly|concisely|safely)\b", re.IGNORECASE)
_BLAME = re.compile(
    r"\b(?:not|no|never|without|fails?|incorrect\w*|wrong\w*|false\w*|inaccura\w*|mis\w+|harm\w*|unsafe\w*|omit\w*|"
    r"lacks?|missing|over\w+|un\w+ly|instead|but)\b|n't\b",
    re.IGNORECASE,
)


def lint(content: RubricContent) -> list[Finding]:
    """All findings: those of the rubric as a whole first, then by criterion in order. None of them forbids its use."""
    findings = [*_lint_weights(content), *_lint_duplicates(content)]
    for criterion in content.criteria:
        for check in _CRITERION_CHECKS:
            findings += check(criterion)
    return findings


def _lint_weights(content: RubricContent) -> Iterator[Finding]:
    weights = content.weights
    if all(weight < 0 for weight in weights):
        yield Finding(
            "warning",
            "all_penalties",
            "",
            "Every criterion is a penalty: of the aggregations only penalty_aware and absolute_weights give a score.",
        )
    elif not any(weight > 0 for weight in weights):
        yield Finding("warning", "no_positive_weight", "", "No criterion has a positive weight: nothing can be earned.")
    elif any(weight < 0 for weight in weights):
        yield Finding(
            "note",
            "mixed_signs",
            "",
            "Penalties stand beside earned points: rar_explicit and normalised_rank, which divide by the sum of all "
            "weights, give no score.",
        )


def _lint_duplicates(content: RubricContent) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for criterion in content.criteria:
        words = " ".join(criterion.text.casefold().split())
        earlier = first.setdefault(words, criterion.key)
        if earlier != criterion.key:
            yield Finding("warning", "duplicate_text", criterion.key, f"Asks the same as {earlier}: it counts twice.")


def _lint_sign(criterion: Criterion) -> Iterator[Finding]:
    weight, text = criterion.effective_weight, criterion.text
    if weight < 0 and _AVOIDS.match(text):
        yield Finding(
            "warning",
            "wrong_sign",
            criterion.key,
            f"Says what is avoided, and weighs {weight:g}: an output that avoids it is punished.",
        )
    elif weight < 0 and _PRAISE.search(text) and not _BLAME.search(text):
        yield Finding(
            "warning",
            "wrong_sign",
            criterion.key,
            f"Says something good, and weighs {weight:g}: meeting it is punished.",
        )
    elif weight > 0 and _FAULT.match(text):
        yield Finding(
            "warning",
            "wrong_sign",
            criterion.key,
            f"Says what is wrong, and weighs {weight:g}: an output with the fault is rewarded. Weigh it "
            "negatively, or say what is avoided.",
        )


def _lint_zero(criterion: Criterion) -> Iterator[Finding]:
    if criterion.effective_weight == 0 and not criterion.must_have:
        yield Finding("warning", "zero_weight", criterion.key, "Weighs 0: it is judged and changes nothing.")


def _lint_must_have(criterion: Criterion) -> Iterator[Finding]:
    if criterion.must_have and criterion.importance == "Optional":
        yield Finding("warning", "optional_must_have", criterion.key, "Optional, and yet the score is 0 without it.")
    if criterion.must_have and criterion.may_be_na:
        yield Finding(
            "note",
            "must_have_may_be_na",
            criterion.key,
            "Where a rater answers that it does not apply, it does not gate.",
        )


def _lint_levels(criterion: Criterion) -> Iterator[Finding]:
    bare = [level.label for level in criterion.levels if not level.anchor.strip()]
    if bare:
        yield Finding(
            "warning",
            "missing_anchor",
            criterion.key,
            f"No anchor says what these levels look like: {', '.join(bare)}.",
        )
    values = [level.value for level in criterion.levels if level.value is not None]
    if criterion.kind == "ordinal" and any(one >= other for one, other in pairwise(values)):
        yield Finding(
            "warning", "levels_out_of_order", criterion.key, "The levels' values do not rise from each to the next."
        )
    if values and max(values) < 1:
        yield Finding(
            "note",
            "weight_out_of_reach",
            criterion.key,
            f"The best level earns {max(values):g} of the weight, not all of it.",
        )
    if criterion.kind == "nominal" and not values:
        yield Finding(
            "note", "no_level_value", criterion.key, "No level has a value: its verdicts never enter a score."
        )


_CRITERION_CHECKS: tuple[Callable[[Criterion], Iterator[Finding]], ...] = (
    _lint_sign,
    _lint_zero,
    _lint_must_have,
    _lint_levels,
)
