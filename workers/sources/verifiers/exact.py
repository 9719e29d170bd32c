"""Exact match: whether the answer is the reference, after normalisations that are stated and chosen.

    correct = 1[norm(answer) = norm(reference)]

`norm` applies those of the parameters that are on, in this order: Unicode NFKC, case folding, punctuation taken out,
runs of white space made one space and taken off the ends. Only the comparison sees the result. Exact match after such
normalisation is SQuAD's metric (Rajpurkar et al. 2016, arXiv 1606.05250), which takes out articles as well; here it is
a parameter. Where the reference holds several accepted answers, one a line, any of them will do.
"""

from __future__ import annotations

import re
import unicodedata

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.answers import MARKER_WORDS, WHERE, locate_answer
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, lines_of, no_answer, scored

_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


class ExactMatch(Verifier):
    """Channel `correct`: 1 where the normalised answer is the normalised reference, else 0."""

    declaration = Declaration(
        name="exact_match",
        version=1,
        title="Exact match",
        summary="Whether the answer is the reference, letter for letter after the normalisations that are chosen.",
        formula="correct = 1[norm(answer) = norm(reference)]",
        paper="Rajpurkar et al. 2016, SQuAD, arXiv 1606.05250 (its exact match, without the F1)",
        fidelity=Fidelity.PAPER,
        checked_by="Cases worked by hand for each normalisation.",
        needs=frozenset({Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            WHERE,
            MARKER_WORDS,
            Parameter("ignore_case", "boolean", True, "Ignore letter case", "By Unicode case folding: ß is ss."),
            Parameter("ignore_space", "boolean", True, "Ignore white space", "Any run of it counts as one space."),
            Parameter("ignore_punctuation", "boolean", False, "Ignore punctuation", "Unicode categories P."),
            Parameter("ignore_articles", "boolean", False, "Ignore English articles", "A, an, the."),
            Parameter("nfkc", "boolean", True, "Ignore forms of characters", "By Unicode NFKC: ﬁ is fi, ２ is 2."),
            Parameter(
                "alternatives", "boolean", False, "Each line of the reference is accepted", "Else all of it is one."
            ),
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Compare the answer proper with the reference; a marker or box in the reference is read as in the output."""
        found = locate_answer(answer, parameters)
        if found is None:
            return no_answer(item, parameters, "there is no answer where one is expected")
        reference = item.reference or ""
        accepted = lines_of(reference) if parameters["alternatives"] else [reference]
        wanted = {normalise(_proper(one, parameters), parameters) for one in accepted}
        correct = float(normalise(found.text, parameters) in wanted)
        return scored(item, {CORRECT: correct}, evidence=found)


def normalise(text: str, parameters: Parameters) -> str:
    """The text as it is compared."""
    if parameters["nfkc"]:
        text = unicodedata.normalize("NFKC", text)
    if parameters["ignore_case"]:
        text = text.casefold()
    if parameters["ignore_punctuation"]:
        text = "".join(character for character in text if not unicodedata.category(character).startswith("P"))
    if parameters["ignore_articles"]:
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split()) if parameters["ignore_space"] else text


def _proper(reference: str, parameters: Parameters) -> str:
    found = locate_answer(Answer.of(0, reference), {**parameters, "where": "auto"})
    return found.text if found else reference
