"""Numeric match: whether the answer is the reference's number, within a tolerance.

    correct = 1[|x - x*| <= max(absolute, relative |x*|)]

Both numbers are read and compared as exact fractions: 0.1 + 0.2 written out is 0.3, and 1/3 is not 0.333 unless the
tolerance says so. Of an answer with several numbers the last one counts, as in the evaluation of GSM8K (Cobbe et al.
2021, arXiv 2110.14168), whose references end in `#### 42`.
"""

from __future__ import annotations

from fractions import Fraction

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.answers import MARKER_WORDS, WHERE, locate_answer
from workers.sources.verifiers.numbers import Number, find_numbers
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, scored

DECIMAL_MARK = Parameter(
    "decimal_mark",
    "choice",
    "point",
    "Decimal mark",
    "The other one separates thousands. Spaces that do not break, apostrophes and underscores do so in either case.",
    choices=(("point", "Point: 1,234.5"), ("comma", "Comma: 1.234,5")),
)
PERCENT = Parameter(
    "percent",
    "choice",
    "fraction",
    "Percent sign",
    "How a percent sign is read, in the answer and in the reference.",
    choices=(("fraction", "Is 0.5"), ("number", "Is 50")),
)


class NumericMatch(Verifier):
    """Channel `correct`: 1 where the last number of the answer is the reference's, else 0."""

    declaration = Declaration(
        name="numeric_match",
        version=1,
        title="Numeric match",
        summary="Whether the number that the answer ends in is the reference's, exactly or within a tolerance.",
        formula="correct = 1[|x - x*| <= max(absolute, relative |x*|)]",
        paper="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems, arXiv 2110.14168 (its answer check)",
        fidelity=Fidelity.PAPER,
        checked_by="Cases worked by hand; numbers are compared as exact fractions.",
        needs=frozenset({Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            WHERE,
            MARKER_WORDS,
            Parameter("absolute", "number", 0.0, "Absolute tolerance", minimum=0, maximum=1e12),
            Parameter(
                "relative",
                "number",
                0.0,
                "Relative tolerance",
                "A share of the reference: 0.01 is a hundredth of it.",
                minimum=0,
                maximum=1,
            ),
            DECIMAL_MARK,
            PERCENT,
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Compare the two numbers."""
        wanted = number_in(Answer.of(0, item.reference or ""), {**parameters, "where": "auto"})
        if wanted is None:
            return Unscored("reference_not_a_number", "the reference holds no number that can be read")
        found = number_in(answer, parameters)
        if found is None:
            return no_answer(item, parameters, "the answer holds no number")
        number, place = found
        # The shortest decimal that names the parameter, not the binary fraction nearest to it.
        absolute, relative = (Fraction(repr(parameters[name])) for name in ("absolute", "relative"))
        tolerance = max(absolute, relative * abs(wanted[0].value))
        correct = float(abs(number.value - wanted[0].value) <= tolerance)
        return scored(item, {CORRECT: correct}, evidence=place)


def number_in(answer: Answer, parameters: Parameters) -> tuple[Number, Answer] | None:
    """The last number where the answer stands, and its place."""
    found = locate_answer(answer, parameters)
    if found is None:
        return None
    numbers = numbers_of(found.text, parameters)
    return (numbers[-1], found.part(numbers[-1].start, numbers[-1].end)) if numbers else None


def numbers_of(text: str, parameters: Parameters) -> list[Number]:
    """All numbers of a text, as the parameters say to read them."""
    return find_numbers(
        text,
        decimal="," if parameters["decimal_mark"] == "comma" else ".",
        percent_is_fraction=parameters["percent"] == "fraction",
    )
