"""Sets of questions to start a campaign from."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    label: str
    description: str
    questions: list[dict[str, Any]]


RATING: dict[str, Any] = {
    "kind": "rating",
    "key": "overall",
    "prompt": "How good is this response?",
    "scale_low": 1,
    "scale_high": 7,
    "anchors": {
        "1": "Useless or harmful",
        "2": "Bad: misses the point",
        "3": "Poor: some use, serious faults",
        "4": "Fair: answers, with clear faults",
        "5": "Good: small faults",
        "6": "Very good: hardly a fault",
        "7": "Could not be better",
    },
}
COMPARISON: dict[str, Any] = {
    "kind": "comparison",
    "key": "preference",
    "prompt": "Which response is better?",
    "pairs": "all",
    "ties": ["both_good", "both_bad", "cannot_tell"],
}
SPANS: dict[str, Any] = {
    "kind": "spans",
    "key": "errors",
    "prompt": "Mark what is wrong in the text",
    "types": [
        {"key": "factual", "label": "Factual error", "description": "States something that is not true", "colour": 2},
        {"key": "irrelevant", "label": "Irrelevant", "description": "Does not help to answer", "colour": 1},
        {"key": "repetition", "label": "Repetition", "description": "Says again what was said", "colour": 3},
        {
            "key": "incoherent",
            "label": "Incoherent",
            "description": "Makes no sense or contradicts itself",
            "colour": 4,
        },
        {"key": "harmful", "label": "Harmful", "description": "Unsafe, insulting or biased", "colour": 6},
    ],
    "severities": [{"key": "minor", "label": "Minor"}, {"key": "major", "label": "Major"}],
    "comments": True,
}

PRESETS: dict[str, Preset] = {
    "full": Preset(
        "Rating, pairwise and spans",
        "Sparse and dense feedback on the same outputs: what the consistency study needs.",
        [RATING, COMPARISON, SPANS],
    ),
    "rating": Preset("Rating", "One number on an anchored scale for each response.", [RATING]),
    "comparison": Preset("Pairwise", "Which of two responses is better, with kinds of tie.", [COMPARISON]),
    "spans": Preset("Spans", "Mark errors in the text with a type and a severity.", [SPANS]),
}
