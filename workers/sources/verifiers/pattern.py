"""Regular expression: whether the answer matches a pattern.

    correct = 1[pattern matches answer]

The pattern is the parameter, or the task's own (`pattern` of its metadata). A search that takes longer than the time
limit is ended and leaves the item unscored (`timed_out`): a pattern that backtracks without end cannot hold a worker.
The syntax is that of the `regex` library, which is that of Python with additions.
"""

from __future__ import annotations

from collections.abc import Collection

import regex

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.answers import MARKER_WORDS, WHERE, locate_answer
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, refuse, scored

PATTERN = "pattern"
SECONDS = 1.0
REFERENCE = "{reference}"


class RegularExpression(Verifier):
    """Channel `correct`: 1 where the pattern matches the answer, else 0 (or the other way round)."""

    declaration = Declaration(
        name="regular_expression",
        version=1,
        title="Regular expression",
        summary="Whether the answer matches a pattern: the scorer's, or each task's own.",
        formula="correct = 1[pattern matches answer]",
        paper="No paper: regular expressions as in Python, with a time limit",
        fidelity=Fidelity.PAPER,
        checked_by="Cases worked by hand, and a pattern that backtracks without end.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset({Input.REFERENCE, Input.METADATA}),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            Parameter(
                PATTERN,
                "text",
                "",
                "Pattern",
                "Empty: the task's own, `pattern` of its metadata. {reference} in it stands for the reference's text.",
            ),
            Parameter(
                "match",
                "choice",
                "search",
                "It must match",
                choices=(("search", "Some part of the answer"), ("full", "The whole answer")),
            ),
            Parameter("wanted", "boolean", True, "A match is right", "Else a match is wrong."),
            Parameter("ignore_case", "boolean", False, "Ignore letter case"),
            Parameter("multiline", "boolean", False, "^ and $ also match at lines"),
            Parameter("dot_all", "boolean", False, "A dot also matches line breaks"),
            WHERE,
            MARKER_WORDS,
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """The pattern must be one."""
        try:
            compiled(str(parameters[PATTERN]), parameters)
        except regex.error as error:
            refuse(PATTERN, f"not a regular expression: {error}")

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Search, or match as a whole, within the time limit."""
        pattern = str(parameters[PATTERN]) or item.metadata.get(PATTERN)
        if not isinstance(pattern, str) or not pattern:
            return Unscored("no_pattern", "neither the scorer nor the task's metadata has a pattern")
        if REFERENCE in pattern:
            if not item.reference:
                return Unscored("no_reference", "the pattern names the reference, and this task has none")
            pattern = pattern.replace(REFERENCE, regex.escape(item.reference))
        found = locate_answer(answer, parameters)
        if found is None:
            return no_answer(item, parameters, "there is no answer where one is expected")
        try:
            expression = compiled(pattern, parameters)
            look = expression.fullmatch if parameters["match"] == "full" else expression.search
            match = look(found.text, timeout=SECONDS)
        except regex.error as error:
            return Unscored("invalid_pattern", f"the task's pattern is not a regular expression: {error}")
        except TimeoutError:
            return Unscored("timed_out", f"the pattern searched longer than {SECONDS:g} s")
        evidence = found.part(*match.span()) if match else found
        return scored(item, {CORRECT: float((match is not None) == parameters["wanted"])}, evidence=evidence)


def compiled(pattern: str, parameters: Parameters) -> regex.Pattern[str]:
    """The pattern with its flags; regex.error where it is none."""
    flags = regex.VERSION0
    for name, flag in (("ignore_case", regex.IGNORECASE), ("multiline", regex.MULTILINE), ("dot_all", regex.DOTALL)):
        flags |= flag if parameters[name] else 0
    return regex.compile(pattern, flags)
