"""Code against unit tests in the sandbox: what passes, what partial credit it gets, and code that tries to cheat."""

import os

import pytest

from rewards.parameters import ParameterError
from tests.workers.verifying import values, verified
from workers import catalogue, sandbox
from workers.sandbox import SandboxUnavailableError
from workers.sources.results import Unscored
from workers.sources.verifiers import code_tests
from workers.sources.verifiers.code_tests import CodeTests, InvalidTestsError, read_tests, same_output, same_value

CODE = CodeTests()
SQUARE = "def square(n):\n    return n * n\n"
PRINTS = "n = int(input())\nprint(n * n)\n"
CALLS = [{"call": "square", "arguments": [n], "returns": n * n} for n in (0, 3, -4, 5)]


def fenced(code: str) -> str:
    return f"Here you are:\n```python\n{code}```\nIt squares."


def run(answer: str, tests: object, *, metadata: dict | None = None, **parameters):
    return verified(CODE, answer, metadata={"tests": tests, **(metadata or {})}, **parameters)


def share(answer: str, tests: object, **given) -> float:
    return values(run(answer, tests, **given))["tests_passed"]


def remarks(result) -> str:
    return result.critiques[0].text


def test_code_that_passes_all_tests_is_correct():
    result = run(fenced(SQUARE), CALLS)
    # (10 + 0.5 * 10) * 1
    assert values(result) == {"correct": 1, "tests_passed": 1, "partial_credit": 15}
    assert remarks(result) == "4 of 4 tests pass."


def test_a_share_of_the_tests_is_partial_credit_weighted_by_difficulty():
    # |n| n is right for 0, 3 and 5: three of four; (0 + 0.5 * 7.5) * (1.5 + 0.5).
    result = run(fenced("def square(n): return abs(n) * n\n"), CALLS, metadata={"difficulty": "hard", "bonus": 0.5})
    assert values(result) == {"correct": 0, "tests_passed": 0.75, "partial_credit": 7.5}
    assert remarks(result) == "3 of 4 tests pass.\nTest 3 returned -16."


def test_programs_read_and_print_and_assertions_hold():
    tests = [{"stdin": "3\n", "stdout": "9\n"}, {"stdin": "-2", "stdout": "4"}]
    assert share(fenced(PRINTS), tests) == 1
    assert share(fenced(SQUARE), ["assert square(3) == 9", "assert square(2) == 5"]) == 0.5
    checks = "def check(f):\n    assert f(2) == 4\n    assert f(-1) == 1\ncheck(square)"
    assert share(fenced(SQUARE), [checks]) == 1


def test_tests_in_the_form_of_apps_are_read():
    assert share(fenced(PRINTS), {"inputs": ["3", "4"], "outputs": ["9", "17"]}) == 0.5
    assert share(fenced(SQUARE), {"fn_name": "square", "inputs": [[3]], "outputs": [9]}) == 1


def test_the_code_is_taken_out_of_the_answer_as_chosen():
    answer = f"```python\n{SQUARE}```\nUse it:\n```\nprint(square(2))\n```"
    assert share(answer, CALLS[:1]) == 0
    assert share(answer, CALLS[:1], code="first") == 1
    assert share(answer, CALLS[:1], code="all") == 1
    assert share(SQUARE, CALLS[:1]) == 1
    assert share(answer, CALLS[:1], code="whole") == 0


def test_a_setup_stands_before_the_code():
    assert share("def root(n):\n    return math.isqrt(n)\n", [{"call": "root", "arguments": [9], "returns": 3}]) == 0
    tests = [{"call": "root", "arguments": [9], "returns": 3}]
    assert share("def root(n):\n    return math.isqrt(n)\n", tests, metadata={"setup": "import math"}) == 1


def test_data_classes_and_prints_are_no_hindrance():
    code = (
        "from __future__ import annotations\nimport dataclasses\nprint('hello')\n"
        "@dataclasses.dataclass\nclass P:\n    x: int\ndef square(n):\n    print(n)\n    return P(n).x ** 2\n"
    )
    assert share(code, CALLS) == 1


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def square(n) return n", "raised SyntaxError"),
        ("def square(n): return 1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def cube(n): return n", "raised the code defines no square"),
        ("def square(n): return {n}", "raised TypeError"),
        ("def square(n):\n    while True: pass", "ran out of time"),
        ("def square(n): return bytearray(10**10)", "raised MemoryError"),
        ("def square(n):\n    import os; os._exit(0)", "ended before the call returned"),
        ("def square(n):\n    import os; os.kill(os.getpid(), 9)", "was ended by a signal"),
        ("import sys; sys.exit(0)", "raised SystemExit: 0"),
        ("def square(n):\n    import os\n    while True: os.write(2, b'x' * 65536)", "printed too much"),
    ],
)
def test_code_that_fails_has_failed_and_says_how(code, problem):
    result = run(fenced(code + "\n"), [{"call": "square", "arguments": [3], "returns": 9}], seconds=1.5)
    assert values(result)["correct"] == 0
    assert problem in remarks(result)


@pytest.mark.parametrize(
    "code",
    [
        # Ends before the assertion is run.
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        # Says what the harness says, without its token.
        'import os; os.write(1, b\'{"token": "x"}\'); os._exit(0)',
        # Everything that it could write to.
        "import os\nfor fd in range(64):\n    try: os.write(fd, b'{}')\n    except OSError: pass\nos._exit(0)",
    ],
    ids=["exit", "system exit", "token", "every file"],
)
def test_code_that_ends_early_passes_no_assertion(code):
    assert share(code, ["assert False"]) == 0


def test_what_is_expected_never_enters_the_sandbox(monkeypatch):
    entered = []
    run_for_real = sandbox.run

    def watched(command, *, files, stdin, **given):
        entered.append(b"".join([*files.values(), stdin]))
        return run_for_real(command, files=files, stdin=stdin, **given)

    monkeypatch.setattr(code_tests.sandbox, "run", watched)
    tests = [{"call": "square", "arguments": [333], "returns": 110889}, {"stdin": "334", "stdout": "111556"}]
    assert share(f"{SQUARE}{PRINTS}", tests) >= 0
    assert len(entered) == 2
    assert b"333" in entered[0]
    assert b"334" in entered[1]
    assert not any(b"110889" in what or b"111556" in what for what in entered)


def test_no_test_sees_what_another_left():
    code = (
        "import os\ndef seen():\n    found = os.path.exists('mark')\n    open('mark', 'w').close()\n    return found\n"
    )
    assert share(code, [{"call": "seen", "returns": False}] * 3) == 1


def test_the_environment_of_the_worker_is_out_of_reach(monkeypatch, settings):
    monkeypatch.setenv("SECRET_KEY", "hush")
    code = (
        "import os\ndef found():\n    return ['SECRET_KEY' in os.environ, "
        f"os.path.exists({str(settings.VAR_DIR)!r}), os.getuid() == {os.getuid()}]\n"
    )
    found = [False, False, os.getuid() == 1000]
    assert share(code, [{"call": "found", "returns": found}]) == 1


def test_when_the_time_for_all_is_spent_the_others_have_failed():
    result = run("def square(n):\n    while True: pass\n", CALLS, seconds=5, all_seconds=1)
    assert values(result)["tests_passed"] == 0
    assert "Test 4 was not run: the time for all tests is spent." in remarks(result)


def test_an_operators_command_runs_other_languages(settings):
    settings.SANDBOX_COMMANDS = {"shell": {"command": ["/bin/sh", "{file}"], "file": "main.sh"}}
    tests = [{"stdin": "3\n", "stdout": "9\n"}]
    assert share("```sh\nread n\necho $((n * n))\n```", tests, command="shell") == 1
    assert run("x", ["assert True"], command="shell").reason == "invalid_metadata"
    with pytest.raises(ParameterError, match="command: expected one of python, shell"):
        run("x", tests, command="node")


@pytest.mark.parametrize(
    ("tests", "problem"),
    [
        (None, "expected a list of tests"),
        ([], "expected a list of tests"),
        ([{"stdin": "3"}], "tests/1: expected stdin and stdout"),
        (["assert True", {"call": "f", "arguments": 3, "returns": 3}], "tests/2"),
        ([" "], "tests/1"),
        ({"inputs": ["1"], "outputs": []}, "same length"),
        (["assert True"] * 501, "500 at most"),
    ],
)
def test_tests_that_cannot_be_read_name_what_is_wrong(tests, problem):
    with pytest.raises(InvalidTestsError, match=problem):
        read_tests(tests)
    result = run("x = 1", tests)
    assert isinstance(result, Unscored)
    assert result.reason == "invalid_metadata"


def test_without_tests_or_with_a_wrong_difficulty_there_is_no_value():
    assert verified(CODE, "x = 1").reason == "no_metadata"
    assert run("x = 1", ["assert True"], metadata={"difficulty": "extreme"}).reason == "invalid_metadata"
    assert run("x = 1", ["assert True"], metadata={"setup": 3}).reason == "invalid_metadata"


def test_without_a_sandbox_nothing_is_run_and_pages_say_why(monkeypatch):
    def refuse(*_, **__):
        raise SandboxUnavailableError("new namespaces: Operation not permitted")

    monkeypatch.setattr(code_tests.sandbox, "run", refuse)
    result = run("x = 1", ["assert True"])
    assert isinstance(result, Unscored)
    assert result.reason == "sandbox_unavailable"
    assert "Operation not permitted" in result.detail
    assert catalogue.entry_for(CodeTests.declaration, []).obstacle == ""
    monkeypatch.setattr(sandbox, "obstacle", lambda: "new namespaces: Operation not permitted")
    assert "Operation not permitted" in catalogue.entry_for(CodeTests.declaration, []).obstacle
    with pytest.raises(ParameterError, match="Operation not permitted"):
        run("x = 1", ["assert True"])


def test_output_is_compared_by_line_without_white_space_at_the_ends():
    assert same_output("1 \n2\n\n", "1\n2")
    assert same_output("a\r\nb", "a\nb\n")
    assert not same_output("1\n\n2", "1\n2")
    assert not same_output(" 1", "1")


@pytest.mark.parametrize(
    ("returned", "expected", "same"),
    [
        (3, 3, True),
        (0.1 + 0.2, 0.3, True),
        (3, 3.0, True),
        (3, 3.1, False),
        (True, 1.0, False),
        ([1, [2.0]], [1, [2]], True),
        ([1], [1, 2], False),
        ({"a": 1.0000000001}, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        (float("nan"), float("nan"), True),
        (10**17, 10**17 + 1, False),
        ("1", 1, False),
        (None, None, True),
    ],
)
def test_values_are_equal_as_json_and_decimals_within_the_tolerance(returned, expected, same):
    assert same_value(returned, expected, 1e-6) is same
