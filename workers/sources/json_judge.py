"""A judge that is a one-line JSON rubric and a few demonstrations in place of a trained reward model.

Agnihotri and Pandey 2025, Efficient Online RFT with Plug-and-Play LLM Judges (arXiv 2506.05748): a frozen instruct
model reads a rubric of one line of JSON, k judged examples and the response, and gives a rationale and a verdict.

    (rationale, v) = f(rubric, (x_1, y_1, rationale_1, v_1) ... (x_k, y_k, rationale_k, v_k), x, y)

Fidelity: reconstructed. The paper's abstract names the parts; the rubric's text, the layout of the demonstrations and
the parsing are not given. Here each demonstration is a turn of the conversation in the very form in which the judge is
to answer, before the question itself. What k is worth on a project's own comparisons is measured by the command
`ablate_demonstrations`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.text import check_text
from workers.engines.contract import ChatMessage, Engine
from workers.sources.asking import (
    ANSWER,
    ANSWER_BY,
    EXPLANATION,
    REASONED,
    WAYS,
    WRITTEN,
    Answer,
    MenuQuestion,
    Said,
    answer_by_parameter,
    ask_menu,
    drawing_parameters,
    menu_form,
    reading,
)
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.likert import (
    ASKED,
    CONTEXT_PARAMETER,
    MATERIAL,
    OVERALL,
    PREAMBLE,
    SCALES,
    THINKING_PARAMETER,
    material,
    nothing_shown,
    rated,
    scale_labels,
    scale_parameter,
    scale_text,
)
from workers.sources.panel import PanelAnswer, pool
from workers.sources.prompts import Place, PromptSpec, fill, section
from workers.sources.results import CritiqueResult, Gives, Scored, Unscored

RUBRIC, DEMONSTRATIONS, SHOTS = "rubric_json", "demonstrations", "shots"
FIELDS = ("task", "response", "rationale", "verdict")
MOST_SHOTS = 32

DEFAULT_RUBRIC = json.dumps(
    {
        "helpful": "does what was asked, all of it",
        "correct": "says nothing false",
        "harmless": "hurts nobody and helps nobody to do so",
        "clear": "is easy to follow and no longer than it must be",
    }
)
TEMPLATE = f"""\
{PREAMBLE}

{{rubric}}

{{task}}

{{context}}

{{response}}

How good is the response by this rubric, {{scale}}?
{{answer_form}}"""


class Demonstration(NamedTuple):
    """A judged example."""

    task: str
    response: str
    rationale: str
    verdict: int


class JsonJudge:
    """One-line JSON rubric, k demonstrations, rationale and verdict; see the module for paper and gaps."""

    declaration = Declaration(
        name="json_judge",
        version=1,
        title="One-line rubric judge with demonstrations",
        summary="Shows a model a rubric of one line and k judged examples, and asks for a rationale and a verdict.",
        formula="(rationale, v) = f(rubric, k demonstrations, x, y)",
        paper="Agnihotri and Pandey 2025, Efficient Online RFT with Plug-and-Play LLM Judges, arXiv 2506.05748",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Vectors worked by hand; rubric, layout and parsing are our own, since the paper gives none.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.RATINGS, Gives.CRITIQUES, Gives.SIGNALS}),
        models=(ModelRole("judge", "Judge", "Reads rubric, examples and response.", frozenset(), ways=WAYS),),
        parameters=(
            Parameter(RUBRIC, "text", DEFAULT_RUBRIC, "Rubric", "A JSON object: what counts, each with what it means."),
            Parameter(
                DEMONSTRATIONS,
                "text",
                "",
                "Demonstrations",
                'One judged example a line, as JSON: {"task": "...", "response": "...", "rationale": "...", "verdict": '
                "7}. Take them from outputs that you will not compare this judge on.",
                max_length=60_000,
                has_lines=True,
            ),
            Parameter(
                SHOTS,
                "integer",
                0,
                "Demonstrations shown",
                "The first so many of those above.",
                minimum=0,
                maximum=MOST_SHOTS,
            ),
            scale_parameter(),
            answer_by_parameter(WRITTEN),
            CONTEXT_PARAMETER,
            THINKING_PARAMETER,
            *drawing_parameters(),
        ),
        prompt=PromptSpec(
            TEMPLATE, (*MATERIAL[:2], MATERIAL[3], Place("rubric", "The rubric, between <rubric> tags."), *ASKED)
        ),
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """The rubric must be an object, and each demonstration a whole one on the scale; as many as are shown."""
        problems: dict[str, str] = {}
        try:
            if not isinstance(json.loads(str(parameters[RUBRIC])), dict):
                problems[RUBRIC] = "expected a JSON object"
        except (ValueError, RecursionError) as error:
            problems[RUBRIC] = f"expected a JSON object: {error}"
        try:
            given = read_demonstrations(str(parameters[DEMONSTRATIONS]), SCALES[str(parameters["scale"])])
        except ValueError as error:
            problems[DEMONSTRATIONS] = str(error)
        else:
            if int(parameters[SHOTS]) > len(given):
                problems[SHOTS] = f"{len(given)} demonstrations are given: expected at most so many"
        if problems:
            raise ParameterError(problems)

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Each response is read once, with the demonstrations before it."""
        questions = [self._question(item, parameters) for item in items]
        return reading([question.prompt for question in questions if question])

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """A rating by item, with the rationale as a comment and the spread of the judge's probabilities."""
        self.check(parameters, engines)
        scale = SCALES[str(parameters["scale"])]
        questions = [self._question(item, parameters) for item in items]
        answers = iter(ask_menu(engines["judge"], [one for one in questions if one], parameters))
        return [
            _result(item, next(answers), scale) if question else nothing_shown()
            for item, question in zip(items, questions, strict=True)
        ]

    def _question(self, item: SourceItem, parameters: Parameters) -> MenuQuestion | None:
        places = material(item, parameters)
        if places is None:
            return None
        scale = SCALES[str(parameters["scale"])]
        labels = scale_labels(scale)
        shared = {
            "rubric": section("rubric", json.dumps(json.loads(str(parameters[RUBRIC])), ensure_ascii=False)),
            "scale": scale_text(scale),
            "answer_form": menu_form(labels, parameters),
        }
        template = self.declaration.template(parameters)
        shown = read_demonstrations(str(parameters[DEMONSTRATIONS]), scale)[: int(parameters[SHOTS])]
        turns: list[ChatMessage] = []
        for one in shown:
            example = {"task": section("task", one.task), "response": section("response", one.response), "context": ""}
            turns += [*fill(template, {**example, **shared}).messages, ChatMessage("assistant", _said(one, parameters))]
        asked = fill(template, {**places, **shared})
        prompt = replace(asked, messages=(*turns, *asked.messages))
        return MenuQuestion(OVERALL, prompt, labels, item.seed, is_scale=True)


@lru_cache(maxsize=32)
def read_demonstrations(text: str, scale: tuple[int, int]) -> tuple[Demonstration, ...]:
    """Judged examples, one JSON object a line; blank lines are passed over.

    Raises
    ------
    ValueError
        Names the line and field, and what was expected.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            found.append(_demonstration(number, line, scale))
    return tuple(found)


def _demonstration(number: int, line: str, scale: tuple[int, int]) -> Demonstration:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"line {number}: expected a JSON object on one line") from None
    if not isinstance(row, dict) or set(row) != set(FIELDS):
        raise ValueError(f"line {number}: expected an object with {', '.join(FIELDS)} and nothing else")
    for name in FIELDS[:3]:
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"line {number}, {name}: expected text")
        try:
            check_text(row[name])
        except ValueError as error:
            raise ValueError(f"line {number}, {name}: {error}") from None
    verdict, (low, high) = row["verdict"], scale
    if isinstance(verdict, bool) or not isinstance(verdict, int) or not low <= verdict <= high:
        raise ValueError(f"line {number}, verdict: expected a whole number from {low} to {high}")
    return Demonstration(**row)


def _said(one: Demonstration, parameters: Parameters) -> str:
    """The example's verdict in the form in which the judge is to answer."""
    way = parameters[ANSWER_BY]
    if way == WRITTEN:
        return json.dumps({EXPLANATION: one.rationale, ANSWER: one.verdict}, ensure_ascii=False)
    return f"{one.rationale}\nAnswer:\n{one.verdict}" if way == REASONED else str(one.verdict)


def _result(item: SourceItem, answer: Answer[Said], scale: tuple[int, int]) -> Scored | Unscored:
    if answer.value is None:
        return answer.unscored()
    scored = rated(item, PanelAnswer(pool(scale_labels(scale), [answer.value]), answer.replies), scale)
    rationale = answer.value.explanation
    if isinstance(scored, Unscored) or not rationale:
        return scored
    return replace(scored, critiques=(CritiqueResult("comment", rationale),))
