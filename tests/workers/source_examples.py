"""What the contract suite gives to a source that its ordinary item does not suit: one entry a source, by its name."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.workers.fitting import detector, head
from tests.workers.scripted_engine import Asked, Script, reply_by_schema
from workers.sources.fitted.weights import FittedWeights


@dataclass(frozen=True)
class Example:
    """How to make the source give a result.

    Attributes
    ----------
    item : mapping
        Fields of `SourceItem` that differ from the ordinary item's: `reference`, `context`, `criteria`,
        `task_messages`.
    parameters : mapping
        Where the defaults do not do.
    reply : Script, str or None
        What a judge writes that the source can read; None: the simplest answer to the request's JSON schema.
    reads_any_text : bool
        Whatever a judge writes is a valid answer, such as a critique: there is no garbage.
    fits_any_output : bool
        Every text has a result; False where the source itself finds some texts unfit, with a reason.
    artefact : FittedWeights or None
        Of a source that reads fitted weights.
    """

    item: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    reply: Script | str | None = None
    reads_any_text: bool = False
    fits_any_output: bool = True
    artefact: FittedWeights | None = None


def order_as_shown(asked: Asked) -> str:
    """A listwise judge that finds the responses in the best order already."""
    shown = re.findall(r"^Response (\d+):$", asked.read, re.MULTILINE)
    return json.dumps({"explanation": "because it is so", "ranking": [[int(number)] for number in shown]})


def quoting(asked: Asked) -> str:
    """A critic whose every quote is how the answer begins, and whose other answers are the first on the menu."""
    response = re.findall(r"<response>\n(.*?)\n</response>", asked.read, re.DOTALL)[-1].split(", answer]\n")[-1]
    return json.dumps(_with_quotes(json.loads(str(reply_by_schema(asked))), response.strip()[:20].strip()))


def _with_quotes(value: Any, words: str) -> Any:
    if isinstance(value, list):
        return [_with_quotes(inner, words) for inner in value]
    if isinstance(value, dict):
        return {name: words if name == "quote" else _with_quotes(inner, words) for name, inner in value.items()}
    return value


def noting(asked: Asked) -> str:
    """A critic who misses what the task asked for."""
    entry = {"information": "what is right", "quote": "what is right?"}
    return json.dumps({"explanation": "because it is so", "missing": [entry]})


# Two responses with their context, reference and rubric do not fit the small model's context of 512 tokens.
IN_WORDS = Example(parameters={"answer_by": "written"})

EXAMPLES: dict[str, Example] = {
    "token_credit": Example(artefact=head()),
    "novelty": Example(artefact=detector()),
    "rubric_implicit": IN_WORDS,
    "reference_likert": IN_WORDS,
    "pairwise_judge": IN_WORDS,
    "subgoals": IN_WORDS,
    "tournament": IN_WORDS,
    "listwise_judge": Example(reply=order_as_shown),
    "drlc_critic": Example(reply=quoting),
    "error_spans": Example(reply=quoting),
    "evidence_verdicts": Example(reply=quoting),
    "missing_information": Example(reply=noting),
    "numeric_match": Example(item={"reference": "42"}),
    "soft_match": Example(item={"reference": "42"}),
    "regular_expression": Example(parameters={"pattern": "answer|Yes"}),
    "json_schema": Example(parameters={"json_schema": '{"type": "object", "required": ["answer"]}'}),
    "constraint_checks": Example(parameters={"constraints": '[{"kind": "max_words", "n": 5}, {"kind": "lowercase"}]'}),
    "code_tests": Example(item={"metadata": {"tests": [{"stdin": "", "stdout": "Yes"}]}}),
    "partial_credit": Example(item={"metadata": {"partial_credit": {"parts": [{"path": "/answer", "equals": "Yes"}]}}}),
}
"""By the source's name."""


def example_of(name: str) -> Example:
    """The source's entry, or an empty one."""
    return EXAMPLES.get(name, Example())
