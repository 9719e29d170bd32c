"""Equivalent expressions, compared in the sandbox, and expressions that never end."""

import pytest

from rewards.parameters import validate_parameters
from tests.workers.verifying import values, verified
from workers.engines.contract import ChatMessage
from workers.sandbox import SandboxUnavailableError
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Unscored
from workers.sources.verifiers import math_equivalence
from workers.sources.verifiers.math_equivalence import MathEquivalence

MATHS = MathEquivalence()
CASES = [
    ("So \\boxed{\\frac{1}{2}}.", "0.5", 1),
    ("The answer is $(x+1)^2$.", "$x^2+2x+1$", 1),
    ("\\boxed{x^2+2x}", "x^2+2x+1", 0),
    ("#### 1,000", "#### 1000", 1),
    ("\\boxed{\\{1, 2\\}}", "\\boxed{\\{2, 1\\}}", 1),
    ("\\boxed{\\sqrt{8}}", "$2\\sqrt{2}$", 1),
    ("I do not know.", "$7$", 0),
]


def scored_together(cases, **parameters):
    items = [
        SourceItem(str(number), (ChatMessage("user", "q"),), (OutputMessage("assistant", answer),), reference=reference)
        for number, (answer, reference) in enumerate(cases)
    ]
    return MATHS.score(items, {}, validate_parameters(MATHS.declaration.parameters, parameters))


def test_equivalent_forms_are_equal_and_others_are_not():
    results = scored_together([case[:2] for case in CASES])
    assert [values(result)["correct"] for result in results] == [case[2] for case in CASES]


def test_a_reference_that_is_no_mathematics_gives_no_value():
    assert verified(MATHS, "$1$", reference="it costs $ much").reason == "reference_not_readable"


def test_a_comparison_that_never_ends_is_unscored_and_the_others_are_not(monkeypatch):
    monkeypatch.setattr(math_equivalence, "START_SECONDS", 6)
    endless = ("$10^{10^{10}}$", "$10^{10^{10}} + 1$")
    results = scored_together([("$1$", "$1$"), endless, ("$2$", "$3$")], seconds=1)
    assert values(results[0])["correct"] == 1
    assert isinstance(results[1], Unscored) or values(results[1])["correct"] == 0
    assert values(results[2])["correct"] == 0


def test_what_the_program_does_not_answer_is_tried_alone_and_then_unscored(monkeypatch, tmp_path):
    harness = tmp_path / "harness.py"
    harness.write_text(
        "import json, sys\n"
        "for _, answer in json.load(sys.stdin)['pairs']:\n"
        "    if 'bad' in answer: sys.exit('it breaks')\n"
        "    print(json.dumps({'reference': True, 'answer': True, 'equal': True}), flush=True)\n"
    )
    monkeypatch.setattr(math_equivalence.math_harness, "__file__", str(harness))
    results = scored_together([("1", "1"), ("bad", "1"), ("2", "1"), ("bad", "1")])
    assert [isinstance(result, Unscored) for result in results] == [False, True, False, True]
    assert results[1].reason == "verifier_failed"
    assert "it breaks" in results[1].detail


def test_without_a_sandbox_nothing_is_compared(monkeypatch):
    def refuse(*_, **__):
        raise SandboxUnavailableError("no namespaces")

    monkeypatch.setattr(math_equivalence.sandbox, "run", refuse)
    [result] = scored_together([("1", "1")])
    assert result.reason == "sandbox_unavailable"


@pytest.mark.parametrize(("answer", "parameters"), [("no box", {"where": "boxed"})])
def test_no_answer_is_wrong_without_asking(monkeypatch, answer, parameters):
    monkeypatch.setattr(math_equivalence.sandbox, "run", None)
    [result] = scored_together([(answer, "1")], **parameters)
    assert values(result) == {"correct": 0}
