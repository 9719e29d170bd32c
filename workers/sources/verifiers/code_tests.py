"""Unit tests: the policy's code is run against the task's tests, in the sandbox.

    tests_passed = |tests that pass| / |tests|,        correct = 1[all pass]
    partial_credit = (10 correct + 0.5 * 10 tests_passed) weight

Rewards from unit tests are those of CodeRL (Le et al. 2022, arXiv 2207.01780) and of reinforcement learning for code
optimisation (Duan et al. 2023, arXiv 2312.05657), without their values for code that does not compile: such code passes
no test. `partial_credit` is RewardMap's form (arXiv 2510.02240; see the source of that name) with the share of tests as
its detail, weighted by `difficulty` and `bonus` of the task's metadata (weight 1 without). Fidelity: reconstructed,
since none of the papers says how code is taken out of an answer or how outputs are compared.

Tests stand in the task's metadata under `tests`: a list, each entry one of

    {"stdin": "3\n", "stdout": "9\n"}                              the program reads and prints
    {"call": "square", "arguments": [3], "returns": 9}             a function returns (Python); "keywords" are optional
    "assert square(3) == 9"                                        statements that must not raise (Python)

or an object `{"inputs": [...], "outputs": [...]}`, with `fn_name` for calls, as in APPS. `setup` of the metadata is put
before the code (Python).

What a program prints is compared line by line without white space at line ends; numbers that a call returns may differ
by the tolerance where one of both is a decimal. What is expected never enters the sandbox, with one exception: an
assertion runs in the code's own process, where code that sets out to can make it pass. Prefer the other two.

Every test has a process and a sandbox of its own. A test that runs out of time or memory has failed. Without a sandbox
nothing is run (`sandbox_unavailable`).
"""

from __future__ import annotations

import json
import math
import re
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rewards.parameters import Parameter, Parameters
from workers import sandbox
from workers.sandbox import Ending, Finished, Limits, SandboxUnavailableError
from workers.sandbox.commands import PYTHON, Command, UnknownCommandError, command_named
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers import python_harness
from workers.sources.verifiers.partial_credit import (
    ACCURACY_POINTS,
    DETAIL_WEIGHT,
    MOST_DETAIL,
    WEIGHTS,
    TemplateError,
    credit,
    difficulty_weight,
)
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, refuse, scored

TESTS, SETUP = "tests", "setup"
TESTS_PASSED, PARTIAL_CREDIT = "tests_passed", "partial_credit"
CHANNELS = (CORRECT, TESTS_PASSED, PARTIAL_CREDIT)
MOST_TESTS = 500
HARNESS_FILE, SOLUTION_FILE = "harness.py", "solution.py"
_FENCED = re.compile(r"^[ \t]*+```[^\n`]*+\n(.*?)^[ \t]*+```[ \t]*+$", re.DOTALL | re.MULTILINE)
_MOST_SHOWN = 10
_MEBIBYTE = 2**20
_ENDINGS = {
    Ending.TIMED_OUT: "ran out of time",
    Ending.OUT_OF_MEMORY: "ran out of memory",
    Ending.TOO_MUCH_OUTPUT: "printed too much",
    Ending.KILLED: "was ended by a signal",
}


class InvalidTestsError(ValueError):
    """The task's tests cannot be read: names the test and what was expected."""


class UnitTest(NamedTuple):
    """One test; the fields of the two other kinds are None."""

    stdin: str | None = None
    stdout: str | None = None
    call: str | None = None
    arguments: list[Any] | None = None
    keywords: dict[str, Any] | None = None
    returns: Any = None
    assertion: str | None = None

    @property
    def needs_python(self) -> bool:
        return self.stdin is None


class CodeTests(Verifier):
    """Channels `correct`, `tests_passed` and `partial_credit`; see the module."""

    declaration = Declaration(
        name="code_tests",
        version=1,
        title="Unit tests",
        summary=(
            "Runs the policy's code against the task's tests, without network and without a way out. Tests stand in "
            'the task\'s metadata as "tests": a list of {"call": "square", "arguments": [3], "returns": 9}, {"stdin": '
            '"3", "stdout": "9"} or assertions as text; "setup", "difficulty" and "bonus" beside it are optional.'
        ),
        formula=(
            "tests_passed = tests that pass / tests;  correct = 1[all pass];  "
            "partial_credit = (10 correct + 0.5 * 10 tests_passed) weight"
        ),
        paper="Le et al. 2022, CodeRL, arXiv 2207.01780; Duan et al. 2023, code optimization, arXiv 2312.05657",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Programs with known results, and programs that try to get out of the sandbox or to fool it.",
        needs=frozenset({Input.OUTPUT, Input.METADATA}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS, Gives.CRITIQUES}),
        models=(),
        parameters=(
            Parameter(
                "command", "text", PYTHON, "Run by", "python, or a command that the operator of this server has set up."
            ),
            Parameter(
                "code",
                "choice",
                "last",
                "The code is",
                "An answer without a fenced block is code as a whole.",
                choices=(
                    ("last", "The last fenced block"),
                    ("first", "The first fenced block"),
                    ("all", "All fenced blocks, one after the other"),
                    ("whole", "The whole answer"),
                ),
            ),
            Parameter("seconds", "number", 5.0, "Seconds for each test", minimum=0.1, maximum=120),
            Parameter(
                "all_seconds", "number", 60.0, "Seconds for all tests", "Later ones fail.", minimum=1, maximum=600
            ),
            Parameter("memory_mib", "integer", 512, "Memory in MiB", minimum=32, maximum=16384),
            Parameter(
                "tolerance", "number", 1e-6, "Tolerance of decimals", "Relative and absolute.", minimum=0, maximum=1
            ),
            ACCURACY_POINTS,
            DETAIL_WEIGHT,
            *WEIGHTS,
            NO_ANSWER,
        ),
        family=FAMILY,
        needs_sandbox=True,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """The command must be one, and there must be a sandbox."""
        try:
            command_named(str(parameters["command"]))
        except UnknownCommandError as error:
            refuse("command", str(error))
        if why := sandbox.obstacle():
            refuse("command", f"programs cannot be run safely on this machine: {why}")

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Run every test."""
        try:
            tests = read_tests(item.metadata.get(TESTS))
            weight = difficulty_weight(
                item.metadata.get("difficulty", 1.0), item.metadata.get("bonus", 0.0), parameters
            )
            runner = _Runner(code_of(answer, str(parameters["code"])), item.metadata, tests, parameters)
        except (InvalidTestsError, TemplateError) as error:
            return Unscored("invalid_metadata", f"the task's metadata: {error}")
        except UnknownCommandError as error:
            return Unscored("no_command", str(error))
        try:
            problems = [runner.problem_of(test) for test in tests]
        except SandboxUnavailableError as error:
            return Unscored("sandbox_unavailable", str(error))
        share = problems.count("") / len(tests)
        correct = float(share == 1)
        values = {
            CORRECT: correct,
            TESTS_PASSED: share,
            PARTIAL_CREDIT: credit(correct, MOST_DETAIL * share, weight, parameters),
        }
        found = [f"Test {number} {problem}." for number, problem in enumerate(problems, 1) if problem]
        return scored(item, values, remarks=[f"{problems.count('')} of {len(tests)} tests pass.", *found[:_MOST_SHOWN]])

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """No code passes no test."""
        return no_answer(item, parameters, "the policy wrote no answer", CHANNELS)


def code_of(answer: Answer, which: str) -> str:
    """The code in an answer."""
    blocks = [match[1] for match in _FENCED.finditer(answer.text)] if which != "whole" else []
    if not blocks:
        return answer.text
    return {"last": blocks[-1], "first": blocks[0], "all": "\n".join(blocks)}[which]


def read_tests(given: Any) -> list[UnitTest]:
    """The tests of a task.

    Raises
    ------
    InvalidTestsError
        Names the first test that cannot be read.
    """
    if isinstance(given, Mapping):
        given = _from_inputs(given)
    if not isinstance(given, list) or not given:
        raise InvalidTestsError("tests: expected a list of tests, or an object with inputs and outputs")
    if len(given) > MOST_TESTS:
        raise InvalidTestsError(f"tests: {len(given)}, expected {MOST_TESTS} at most")
    return [_read_test(number, test) for number, test in enumerate(given, 1)]


def same_output(printed: str, expected: str) -> bool:
    """Line by line, without white space at line ends and empty lines at the end."""
    lines, wanted = ([line.rstrip() for line in text.rstrip().splitlines()] for text in (printed, expected))
    return lines == wanted


def same_value(returned: Any, expected: Any, tolerance: float) -> bool:
    """Equal as JSON; decimals within the tolerance."""
    if isinstance(expected, float) or isinstance(returned, float):
        if isinstance(returned, bool) or not isinstance(returned, int | float) or not isinstance(expected, int | float):
            return False
        return math.isclose(returned, expected, rel_tol=tolerance, abs_tol=tolerance) or (
            math.isnan(returned) and math.isnan(expected)
        )
    if isinstance(expected, list) and isinstance(returned, list):
        pairs = zip(returned, expected, strict=False)
        return len(returned) == len(expected) and all(same_value(a, b, tolerance) for a, b in pairs)
    if isinstance(expected, dict) and isinstance(returned, dict):
        return returned.keys() == expected.keys() and all(
            same_value(returned[key], expected[key], tolerance) for key in expected
        )
    return bool(returned == expected)


class _Runner:
    """Runs the tests of one item one after the other, until the time for all of them is spent."""

    def __init__(
        self, code: str, metadata: Mapping[str, Any], tests: Collection[UnitTest], parameters: Parameters
    ) -> None:
        name = str(parameters["command"])
        if name != PYTHON and any(test.needs_python for test in tests):
            raise InvalidTestsError(f"tests: calls and assertions are Python's, and the command is {name}")
        setup = metadata.get(SETUP, "")
        if not isinstance(setup, str):
            raise InvalidTestsError("setup: expected text")
        self._command: Command = command_named(name)
        self._code = f"{setup}\n{code}" if setup else code
        self._parameters = parameters
        self._deadline = time.monotonic() + float(parameters["all_seconds"])

    def problem_of(self, test: UnitTest) -> str:
        """What went wrong, as the end of a sentence about the test; empty where it passed."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return "was not run: the time for all tests is spent"
        limits = self._limits(min(left, float(self._parameters["seconds"])))
        return self._program(test, limits) if test.stdin is not None else self._harnessed(test, limits)

    def _limits(self, seconds: float) -> Limits:
        return Limits(
            wall_seconds=seconds,
            cpu_seconds=math.ceil(seconds) + 1,
            memory_bytes=int(self._parameters["memory_mib"]) * _MEBIBYTE,
            address_space=self._command.address_space,
        )

    def _program(self, test: UnitTest, limits: Limits) -> str:
        command = self._command
        finished = sandbox.run(
            command.for_file(command.file),
            files={command.file: _bytes(self._code)},
            stdin=_bytes(test.stdin or ""),
            limits=limits,
            folders=command.folders,
        )
        if not finished.is_success:
            return _ended(finished)
        if same_output(finished.stdout.decode("utf-8", "replace"), test.stdout or ""):
            return ""
        return "printed something else than expected"

    def _harnessed(self, test: UnitTest, limits: Limits) -> str:
        order: dict[str, Any] = {"file": SOLUTION_FILE}
        # Code that ends the process early does not know it; code that reads its own memory can.
        token = secrets.token_hex(16)
        if test.assertion is not None:
            order |= {"assertion": test.assertion, "token": token}
        else:
            order |= {"call": test.call, "arguments": test.arguments, "keywords": test.keywords}
        harness = Path(python_harness.__file__).read_bytes()
        finished = sandbox.run(
            self._command.for_file(HARNESS_FILE),
            files={HARNESS_FILE: harness, SOLUTION_FILE: _bytes(self._code)},
            stdin=json.dumps(order).encode(),
            limits=limits,
            folders=self._command.folders,
        )
        if not finished.is_success:
            return _ended(finished)
        answer = _answer(finished)
        if "error" in answer:
            return f"raised {answer['error']}"
        if test.assertion is not None:
            return "" if answer.get("token") == token else "ended before its assertions were run"
        if "value" not in answer:
            return "ended before the call returned"
        is_same = same_value(answer["value"], test.returns, float(self._parameters["tolerance"]))
        return "" if is_same else f"returned {json.dumps(answer['value'])[:100]}"


def _answer(finished: Finished) -> dict[str, Any]:
    """The harness's line; whatever else stands there, the code wrote, and it is no answer."""
    try:
        answer = json.loads(finished.stdout)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _ended(finished: Finished) -> str:
    if finished.ending in _ENDINGS:
        return _ENDINGS[finished.ending]
    last = finished.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return f"ended with code {finished.exit_code}" + (f": {last[:200]}" if last else "")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _from_inputs(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    inputs, outputs, name = given.get("inputs"), given.get("outputs"), given.get("fn_name")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise InvalidTestsError("tests: expected inputs and outputs as lists of the same length")
    if name is None:
        return [{"stdin": read, "stdout": printed} for read, printed in zip(inputs, outputs, strict=True)]
    return [
        {"call": name, "arguments": arguments, "returns": returned}
        for arguments, returned in zip(inputs, outputs, strict=True)
    ]


def _read_test(number: int, test: Any) -> UnitTest:
    if isinstance(test, str) and test.strip():
        return UnitTest(assertion=test)
    if isinstance(test, dict) and isinstance(test.get("stdin"), str) and isinstance(test.get("stdout"), str):
        return UnitTest(stdin=test["stdin"], stdout=test["stdout"])
    if isinstance(test, dict) and isinstance(test.get("call"), str) and "returns" in test:
        arguments, keywords = test.get("arguments", []), test.get("keywords", {})
        if isinstance(arguments, list) and isinstance(keywords, dict):
            return UnitTest(call=test["call"], arguments=arguments, keywords=keywords, returns=test["returns"])
    raise InvalidTestsError(
        f"tests/{number}: expected stdin and stdout as text; or call, arguments as a list and returns; or an assertion"
    )
