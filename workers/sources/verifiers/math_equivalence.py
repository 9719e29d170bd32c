"""Mathematical equivalence: whether the answer is the reference's expression, in another form perhaps.

    correct = 1[answer = reference]        decided by the `math-verify` library (Hugging Face) with SymPy

1/2, 0.5 and \\frac{1}{2} are equal, (x + 1)^2 and x^2 + 2x + 1 as well; sets, intervals, tuples and equations are
compared as such. The library parses hostile text and simplifies what it finds, which can take any time and memory: it
runs in the sandbox, several answers at a time. Where they do not end in time, each is tried by itself, and one that
does not end then is unscored (`timed_out`). A reference without delimiters is mathematics as a whole. Fidelity: code,
namely the library's own.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rewards.parameters import Parameter, Parameters
from workers import sandbox
from workers.engines.contract import Engine
from workers.sandbox import Ending, Finished, Limits, SandboxUnavailableError
from workers.sandbox.commands import PYTHON, command_named
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers import math_harness
from workers.sources.verifiers.answers import MARKER_WORDS, WHERE, locate_answer
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, refuse, scored

PACKAGES = ("math_verify", "latex2sympy2_extended", "antlr4", "sympy", "mpmath")
HARNESS_FILE = "harness.py"
START_SECONDS = 20
"""For loading SymPy, beside the time for each pair."""
_DELIMITERS = ("$", "\\(", "\\[", "\\boxed")
_MEMORY = 1024 * 2**20


class Pair(NamedTuple):
    """Two texts to compare, and where the answer stands."""

    reference: str
    answer: str
    place: Answer


class MathEquivalence(Verifier):
    """Channel `correct`: 1 where the answer is equivalent to the reference, else 0."""

    declaration = Declaration(
        name="math_equivalence",
        version=1,
        title="Mathematical equivalence",
        summary="Whether the answer is the reference's expression, set, interval or equation, in another form perhaps.",
        formula="correct = 1[answer = reference], by symbolic simplification",
        paper="No paper: the math-verify library 0.9 (Kydlíček, Hugging Face) with SymPy",
        fidelity=Fidelity.CODE,
        checked_by="It is the authors' code, run in the sandbox; cases worked by hand.",
        needs=frozenset({Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            WHERE,
            MARKER_WORDS,
            Parameter("seconds", "integer", 5, "Seconds for each answer", minimum=1, maximum=60),
            NO_ANSWER,
        ),
        family=FAMILY,
        needs_sandbox=True,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """There must be a sandbox."""
        if why := sandbox.obstacle():
            refuse("seconds", f"programs cannot be run safely on this machine: {why}")

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """All pairs together in one sandbox; one that does not end there has another try by itself."""
        pairs: dict[int, Pair] = {}
        results: dict[int, Scored | Unscored] = {}
        for index, item in enumerate(items):
            read = self.read(item, parameters)
            found = pair_of(item, read, parameters) if isinstance(read, Answer) else read
            if found is None:
                results[index] = no_answer(item, parameters, "there is no answer where one is expected")
            elif isinstance(found, Pair):
                pairs[index] = found
            else:
                results[index] = found
        compared = compare(list(pairs.values()), int(parameters["seconds"]))
        for (index, pair), one in zip(pairs.items(), compared, strict=True):
            results[index] = one if isinstance(one, Unscored) else _result(items[index], pair, one, parameters)
        return [results[index] for index in range(len(items))]


def pair_of(item: SourceItem, message: Answer, parameters: Parameters) -> Pair | None:
    """The reference and the answer proper as the library reads them; None where there is no answer."""
    place = locate_answer(message, parameters)
    if place is None:
        return None
    reference = Answer.of(0, item.reference or "")
    wanted = locate_answer(reference, {**parameters, "where": "auto"}) or reference
    asked = wanted.text if any(mark in wanted.text for mark in _DELIMITERS) else f"${wanted.text}$"
    return Pair(asked, _as_mathematics(place, message), place)


def compare(pairs: Sequence[Pair], seconds: int) -> list[dict[str, bool] | Unscored]:
    """What the library says of each pair: whether it could read the reference and the answer, and if they are equal."""
    if not pairs:
        return []
    try:
        finished = _run(pairs, seconds)
        found = [*_lines(finished)]
        rest = _rest(pairs[len(found) :], seconds) if len(found) < len(pairs) else []
    except SandboxUnavailableError as error:
        return [Unscored("sandbox_unavailable", str(error))] * len(pairs)
    return [*found, *rest]


def _rest(pairs: Sequence[Pair], seconds: int) -> list[dict[str, bool] | Unscored]:
    """The first of these did not end well together with others; a second time it is alone."""
    culprit = _run(pairs[:1], seconds)
    found: list[dict[str, bool] | Unscored] = []
    found += _lines(culprit)
    if not found:
        reason = "timed_out" if culprit.ending == Ending.TIMED_OUT else "verifier_failed"
        said = culprit.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        found = [Unscored(reason, f"the comparison {culprit.ending.value.replace('_', ' ')}. {said}".strip()[:500])]
    return [*found, *compare(pairs[1:], seconds)]


def _run(pairs: Sequence[Pair], seconds: int) -> Finished:
    command = command_named(PYTHON)
    all_seconds = START_SECONDS + seconds * len(pairs)
    packages = Path(str(importlib.util.find_spec(PACKAGES[0]).origin)).parents[1]  # type: ignore[union-attr]
    order = {
        "packages": str(packages),
        "pairs": [[pair.reference, pair.answer] for pair in pairs],
        "seconds": seconds,
    }
    return sandbox.run(
        command.for_file(HARNESS_FILE),
        files={HARNESS_FILE: Path(math_harness.__file__).read_bytes()},
        stdin=json.dumps(order).encode(),
        limits=Limits(wall_seconds=all_seconds, cpu_seconds=all_seconds, memory_bytes=_MEMORY),
        # latex2sympy2 asks for the version of its parser, which stands in a folder beside the packages.
        folders=(
            *command.folders,
            *(str(packages / name) for name in PACKAGES),
            *map(str, packages.glob("antlr4_python3_runtime-*.dist-info")),
        ),
    )


def _lines(finished: Finished) -> Iterator[dict[str, bool]]:
    """Whole lines only: the last one may be cut."""
    for line in finished.stdout.decode("utf-8", "replace").split("\n")[:-1]:
        yield json.loads(line)


def _as_mathematics(place: Answer, message: Answer) -> str:
    """A box or what follows a marker is mathematics as it stands; of a whole message the library finds it itself."""
    return message.text if place.stripped() == message.stripped() else f"${place.text}$"


def _result(item: SourceItem, pair: Pair, found: Mapping[str, bool], parameters: Parameters) -> Scored | Unscored:
    if not found["reference"]:
        return Unscored("reference_not_readable", "the reference holds no mathematics that can be read")
    if not found["answer"]:
        return no_answer(item, parameters, "the answer holds no mathematics that can be read")
    return scored(item, {CORRECT: float(found["equal"])}, evidence=pair.place)
