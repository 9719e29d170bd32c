"""Rubric judge, implicit: the judge reads the whole rubric and gives one number (Rubrics as Rewards, equation 2).

Gunjal et al. 2025, arXiv 2507.17746: all criteria, each with its category (Essential, Important, Optional, Pitfall), go
into one prompt; weighing them is left to the judge, who answers on a Likert scale from 1 to 10:

    r(x, y) = f(x, y, {(w_j, d_j)}),      in [0, 1]: (v - 1) / 9

The rating is stored as v with its scale. Fidelity: paper, for the formula; the paper's own prompt is not used. A
criterion that has a weight and no category is shown with its weight; one with neither counts like the others. What
`likert` says of expected scores, opinions and dispersion holds here too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rewards.parameters import Parameter, Parameters
from rewards.rubrics.content import Criterion
from workers.engines.contract import Engine
from workers.sources.asking import WAYS, MenuQuestion, answer_by_parameter, drawing_parameters
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.likert import (
    ASKED,
    CONTEXT_PARAMETER,
    MATERIAL,
    PREAMBLE,
    SCALES,
    THINKING_PARAMETER,
    estimate_of,
    material,
    rate,
    scale_parameter,
    scale_question,
)
from workers.sources.panel import check_panel, judge_roles, panel_parameters
from workers.sources.prompts import Place, PromptSpec, section
from workers.sources.results import Gives, Scored, Unscored

TEMPLATE = f"""\
{PREAMBLE}

{{task}}

{{context}}

{{reference}}

{{rubric}}

{{response}}

Judge the response by all criteria of the rubric together: the essential ones decide. {{pitfalls}}
How good is it, {{scale}}?
{{answer_form}}"""
PITFALLS = "A criterion marked Pitfall names a mistake to avoid, and is met by a response that avoids it."


class RubricImplicit:
    """One number for the whole response, in view of the whole rubric; see the module for formula and paper."""

    declaration = Declaration(
        name="rubric_implicit",
        version=1,
        title="Rubric judge, implicit",
        summary="Shows a model the whole rubric and asks for one number: the judge weighs the criteria itself.",
        formula="v = f(x, y, {(w_j, d_j)}) from 1 to 10;  in [0, 1]: (v - 1) / 9",
        paper=(
            "Gunjal et al. 2025, Rubrics as Rewards, arXiv 2507.17746 (equation 2); "
            "Liu et al. 2023, G-Eval, arXiv 2303.16634 (expected score)"
        ),
        fidelity=Fidelity.PAPER,
        checked_by="Vectors worked by hand; every criterion and category stands in the prompt, which is our own.",
        needs=frozenset({Input.TASK, Input.OUTPUT, Input.CRITERIA}),
        uses=frozenset({Input.REFERENCE, Input.CONTEXT}),
        gives=frozenset({Gives.RATINGS, Gives.SIGNALS}),
        models=judge_roles(ways=WAYS),
        parameters=(
            scale_parameter(),
            answer_by_parameter(),
            Parameter("use_reference", "boolean", True, "Show the reference answer", "Where the task has one."),
            CONTEXT_PARAMETER,
            THINKING_PARAMETER,
            *panel_parameters(),
            *drawing_parameters(),
        ),
        prompt=PromptSpec(
            TEMPLATE,
            (
                *MATERIAL,
                Place("rubric", "All criteria, numbered, each with its category or weight, between <rubric> tags."),
                Place("pitfalls", "How to read a Pitfall, where the rubric has one.", required=False),
                *ASKED,
            ),
        ),
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Several draws must be able to differ, and a cascade needs a second judge."""
        check_panel(parameters, roles)

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """What one judge reads for its draws; a panel reads as much for each of its judges."""
        questions = [self._question(item, parameters) for item in items]
        return estimate_of([question for question in questions if question], parameters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """A rating by item, and its dispersion where it is known."""
        questions = [self._question(item, parameters) for item in items]
        return rate(items, questions, engines, parameters, SCALES[str(parameters["scale"])])

    def _question(self, item: SourceItem, parameters: Parameters) -> MenuQuestion | None:
        places = material(item, parameters)
        if places is None:
            return None
        places |= {
            "reference": section("reference", item.reference if parameters["use_reference"] else None),
            "rubric": section("rubric", rubric_text(item.criteria)),
            "pitfalls": PITFALLS if any(found.importance == "Pitfall" for found in item.criteria) else "",
        }
        scale = SCALES[str(parameters["scale"])]
        return scale_question(self.declaration.template(parameters), places, item, scale, parameters)


def rubric_text(criteria: Sequence[Criterion]) -> str:
    """The criteria, numbered, each under its category."""
    return "\n".join(f"{number}. {_category(found)}{found.text}" for number, found in enumerate(criteria, 1))


def _category(criterion: Criterion) -> str:
    if criterion.weight is None:
        return f"[{criterion.importance}] " if criterion.importance else ""
    if criterion.weight < 0:
        return f"[Penalty where it is so, weight {criterion.weight:g}] "
    kind = f"{criterion.importance}, " if criterion.importance else ""
    return f"[{kind}weight {criterion.weight:g}] "
