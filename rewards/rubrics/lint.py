"""What is probably wrong with a rubric that can be read: signs, overlaps, compound questions, weights and levels; and,
from verdicts that were given, criteria that tell no outputs apart."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

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


# "Names the river and gives the year": after the joint stands a verb of its own with its object.
_SECOND_QUESTION = re.compile(
    r"\w+\s+\S+.*?(?:\band\b|\bas well as\b|\bwhile\b|\bor\b|;)\s+(?:also\s+|then\s+|it\s+)?"
    r"(?:(?!(?:as|its|this|thus|versus|whereas|unless|besides|others?)\b)[a-z]{2,}(?<!s)s|must|should|does not|is|has|"
    r"advising|asking|avoiding|describing|explaining|giving|including|mentioning|naming|providing|recommending|"
    # A noun is followed by a preposition where a verb has its object: "the bridges and rivers of Prague".
    r"saying|stating|suggesting|using)\s+(?!(?:of|in|for|at|on|from|with|by|between)\b)\S+\s+\S+",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
_EMPTY_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "correct", "correctly", "do", "does", "for",
        "from", "has", "have", "if", "in", "into", "is", "it", "its", "model", "must", "not", "of", "on", "or",
        "output", "response", "answer", "should", "so", "such", "than", "that", "the", "their", "them", "then",
        "there", "these", "they", "this", "to", "was", "were", "what", "when", "where", "which", "who", "will",
        "with", "without",
    }
)  # fmt: skip
OVERLAP = 0.6
"""Shared words over all words of two criteria (Jaccard) from which on they are taken to overlap."""
FEWEST_OUTPUTS = 5
"""With verdicts on fewer outputs than that, nothing is said of criteria that are always or never met."""


class Measure(NamedTuple):
    """What stored verdicts say of one criterion: of how many outputs, and the lowest and highest value."""

    n: int
    low: float
    high: float


def lint(content: RubricContent) -> list[Finding]:
    """All findings: those of the rubric as a whole first, then by criterion in order. None of them forbids its use."""
    findings = [*_lint_weights(content), *_lint_duplicates(content), *_lint_overlaps(content)]
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
            "Every criterion is a penalty: penalty_aware, absolute_weights, unweighted and weighted_sum give a score; "
            "rules that divide by what can be earned do not.",
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
        earlier = first.setdefault(_folded(criterion.text), criterion.key)
        if earlier != criterion.key:
            yield Finding("warning", "duplicate_text", criterion.key, f"Asks the same as {earlier}: it counts twice.")


def _lint_overlaps(content: RubricContent) -> Iterator[Finding]:
    """Pairs that share most of their words without being the same; each criterion is told of the closest before it."""
    words = [_content_words(criterion.text) for criterion in content.criteria]
    place = {word: index for index, word in enumerate(sorted(set().union(*words)))}
    table = np.zeros((len(words), len(place)), dtype=np.float32)
    for row, found in enumerate(words):
        table[row, [place[word] for word in found]] = 1.0
    shared, sizes = table @ table.T, table.sum(axis=1)
    for row in range(1, len(words)):
        union = sizes[row] + sizes[:row] - shared[row, :row]
        overlap = np.divide(shared[row, :row], union, out=np.zeros(row, dtype=np.float32), where=union > 0)
        closest = int(overlap.argmax())
        criterion, earlier = content.criteria[row], content.criteria[closest]
        if overlap[closest] >= OVERLAP and _folded(criterion.text) != _folded(earlier.text):
            yield Finding(
                "note",
                "overlap",
                criterion.key,
                f"Shares {overlap[closest]:.0%} of its words with {earlier.key}: the same thing may count twice.",
            )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _content_words(text: str) -> set[str]:
    return {word.removesuffix("s") for word in _WORD.findall(text.casefold()) if word not in _EMPTY_WORDS}


def _lint_compound(criterion: Criterion) -> Iterator[Finding]:
    if _SECOND_QUESTION.search(criterion.text):
        yield Finding(
            "note",
            "compound",
            criterion.key,
            "Seems to ask two things: an output that does one of them has no right answer. Split it.",
        )


def lint_measured(content: RubricContent, measures: Mapping[str, Measure]) -> list[Finding]:
    """What stored verdicts show: criteria that every output meets, or none, tell no outputs apart.

    Chasing the Tail (Zhang et al. 2025) aims at items that about half of the outputs fail. Nothing is said of criteria
    with verdicts on fewer than `FEWEST_OUTPUTS` outputs.

    Parameters
    ----------
    measures : mapping
        By criterion key; a criterion that is not in it has no verdict.
    """
    findings = []
    for criterion in content.criteria:
        measure = measures.get(criterion.key)
        if measure is None or measure.n < FEWEST_OUTPUTS:
            continue
        lowest, highest = _bounds(criterion)
        if measure.low >= highest:
            words = "has the fault" if criterion.effective_weight < 0 else "meets it"
            message = f"Every one of the {measure.n} outputs with a verdict {words}: it tells none of them apart."
            findings.append(Finding("note", "never_failed", criterion.key, message))
        elif measure.high < lowest:
            words = "has the fault" if criterion.effective_weight < 0 else "meets it"
            message = f"None of the {measure.n} outputs with a verdict {words}: it tells none of them apart."
            findings.append(Finding("note", "never_met", criterion.key, message))
    return findings


def _bounds(criterion: Criterion) -> tuple[float, float]:
    """Below the first a verdict counts as not met, from the second on as wholly met."""
    values = sorted(level.value for level in criterion.levels if level.value is not None)
    if criterion.kind == "binary" or len(values) < 2:
        return 0.5, 0.5
    # Expected values of levels: half way to the neighbour still means the outermost level.
    return (values[0] + values[1]) / 2, (values[-1] + values[-2]) / 2


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
    _lint_compound,
    _lint_zero,
    _lint_must_have,
    _lint_levels,
)
