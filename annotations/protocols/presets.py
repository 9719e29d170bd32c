"""Sets of questions to start a campaign from."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_noop


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
GRADED: dict[str, Any] = {**COMPARISON, "steps": 5, "ties": ["equal", "cannot_tell"]}
RANKING: dict[str, Any] = {"kind": "ranking", "key": "ranking", "prompt": "Rank the responses, the best first"}
BEST_WORST: dict[str, Any] = {
    "kind": "best_worst",
    "key": "best-worst",
    "prompt": "Which response is the best, and which the worst?",
}
TICK: dict[str, Any] = {"kind": "tick", "key": "good", "prompt": "Which of the responses are good?"}
STEPS: dict[str, Any] = {"kind": "steps", "key": "steps", "prompt": "Is each step right?"}
STOP: dict[str, Any] = {"kind": "stop", "key": "stop", "prompt": "Where would you stop it and take over?"}
EDIT: dict[str, Any] = {"kind": "edit", "key": "edit", "prompt": "Correct the response until it is right"}
CRITIQUE: dict[str, Any] = {
    "kind": "critique",
    "key": "critique",
    "prompt": "What do you think of this response?",
    "voices": ["user", "reviewer"],
}
MISSING: dict[str, Any] = {
    "kind": "critique",
    "key": "missing",
    "prompt": "Does it leave anything out?",
    "voices": ["missing"],
    "required": False,
}

PRESETS: dict[str, Preset] = {
    "full": Preset(
        gettext_noop("Rating, pairwise and spans"),
        gettext_noop("Sparse and dense feedback on the same outputs: what the consistency study needs."),
        [RATING, COMPARISON, SPANS],
    ),
    "rating": Preset(
        gettext_noop("Rating"), gettext_noop("One number on an anchored scale for each response."), [RATING]
    ),
    "comparison": Preset(
        gettext_noop("Pairwise"), gettext_noop("Which of two responses is better, with kinds of tie."), [COMPARISON]
    ),
    "graded": Preset(
        gettext_noop("Pairwise in 5 steps"),
        gettext_noop("Which of two responses is better, and by how much."),
        [GRADED],
    ),
    "ranking": Preset(gettext_noop("Ranking"), gettext_noop("An order of all responses, with ties."), [RANKING]),
    "best_worst": Preset(
        gettext_noop("Best and worst"), gettext_noop("Two picks out of three or more responses."), [BEST_WORST]
    ),
    "tick": Preset(
        gettext_noop("Tick the good ones"), gettext_noop("The good responses of a list, as many as there are."), [TICK]
    ),
    "spans": Preset(
        gettext_noop("Spans"), gettext_noop("Mark errors in the text with a type and a severity."), [SPANS]
    ),
    "steps": Preset(gettext_noop("Steps"), gettext_noop("Right, neutral or wrong for each step of the text."), [STEPS]),
    "stop": Preset(
        gettext_noop("Stop here"), gettext_noop("The word from which on a person would have taken over."), [STOP]
    ),
    "edit": Preset(gettext_noop("Edit to fix"), gettext_noop("The text as it should have been."), [EDIT]),
    "critique": Preset(
        gettext_noop("Critique"), gettext_noop("Words about each response, as a user and as a reviewer."), [CRITIQUE]
    ),
    "spans_missing": Preset(
        gettext_noop("Spans and what is missing"),
        gettext_noop("Errors marked in the text, and notes of what it leaves out."),
        [SPANS, MISSING],
    ),
}
