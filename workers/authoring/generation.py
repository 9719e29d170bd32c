"""Writing a rubric from a task and its reference.

Rubrics as Rewards (Gunjal et al. 2025, arXiv 2507.17746), section 3: a strong model that is shown the reference answer
writes 7 to 20 self-contained criteria, each with a category. Fidelity: paper; the prompt's wording is ours. What is
not a valid criterion is dropped with its reason, and a reply without any is a failure that keeps its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from rewards.rubrics.content import IMPORTANCE_WEIGHTS
from workers.authoring.asking import Answer, Question, ask
from workers.authoring.prompts import FEWEST_CRITERIA, MOST_CRITERIA, generation_prompt
from workers.authoring.replies import WrittenRubric, read_criteria
from workers.engines.contract import Capability, Engine, require
from workers.sources.contract import SourceItem

Report = Callable[[str], None]
"""Told what is being done now; whatever it raises ends the work."""

_SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["criteria"],
        "additionalProperties": False,
        "properties": {
            "criteria": {
                "type": "array",
                "minItems": FEWEST_CRITERIA,
                "maxItems": MOST_CRITERIA,
                "items": {
                    "type": "object",
                    "required": ["title", "text", "importance"],
                    "additionalProperties": False,
                    "properties": {
                        "title": {"type": "string"},
                        "text": {"type": "string"},
                        "importance": {"enum": list(IMPORTANCE_WEIGHTS)},
                    },
                },
            }
        },
    }
)


@dataclass(frozen=True)
class Writing:
    """How a model is asked."""

    max_new_tokens: int = 2_048
    seed: int = 0


def generate_rubric(engine: Engine, item: SourceItem, writing: Writing, report: Report) -> Answer[WrittenRubric]:
    """Ask for a rubric for the item's task; outputs are not looked at.

    Raises
    ------
    EngineError
        Where the model cannot be asked.
    """
    require(engine, Capability.GENERATE)
    report("writing criteria")
    question = Question(generation_prompt(item), "write", read_criteria)
    [answer] = ask(engine, [question], max_new_tokens=writing.max_new_tokens, seed=writing.seed, json_schema=_SCHEMA)
    return answer
