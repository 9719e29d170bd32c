"""Exact, numeric and pattern matches: where the answer stands, what counts as equal, and hostile texts."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.parameters import ParameterError
from tests.workers.verifying import by_sentence, correct, values, verified
from workers.sources.contract import OutputMessage
from workers.sources.results import Scored, Unscored
from workers.sources.verifiers.answers import last_boxed
from workers.sources.verifiers.exact import ExactMatch
from workers.sources.verifiers.numbers import MOST_DIGITS, find_numbers
from workers.sources.verifiers.numeric import NumericMatch
from workers.sources.verifiers.pattern import RegularExpression
from workers.sources.verifiers.verifier import MOST_CHARACTERS, Answer

EXACT, NUMERIC, PATTERN = ExactMatch(), NumericMatch(), RegularExpression()


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("Paris", "Paris", 1),
        ("  paris\n", "Paris", 1),
        ("Paris.", "Paris", 0),
        ("New\u00a0 York", "new york", 1),
        ("ﬁne ２", "fine 2", 1),
        ("straße", "STRASSE", 1),
        ("e\u0301", "\u00e9", 1),
        ("Lyon", "Paris", 0),
        ("The capital is \\boxed{Paris}.", "Paris", 1),
        ("<think>Lyon?</think><answer> Paris </answer>", "Paris", 1),
        ("I think so.\n#### Paris\nThat is it.", "#### Paris", 1),
    ],
)
def test_an_exact_match_ignores_what_its_parameters_say(answer, reference, expected):
    assert correct(EXACT, answer, reference=reference) == expected


def test_each_normalisation_can_be_turned_off():
    assert correct(EXACT, "paris", reference="Paris", ignore_case=False) == 0
    assert correct(EXACT, "a  b", reference="a b", ignore_space=False) == 0
    assert correct(EXACT, "２", reference="2", nfkc=False) == 0
    assert correct(EXACT, "Paris, France!", reference="Paris France", ignore_punctuation=True) == 1
    assert correct(EXACT, "the cat", reference="A cat", ignore_articles=True) == 1
    assert correct(EXACT, "theatre", reference="atre", ignore_articles=True) == 0


def test_any_line_of_the_reference_will_do_where_they_are_alternatives():
    assert correct(EXACT, "USA", reference="United States\n\nUSA", alternatives=True) == 1
    assert correct(EXACT, "USA", reference="United States\nUSA") == 0


def test_what_is_compared_is_shown_in_its_sentence_and_nowhere_else():
    result = verified(EXACT, "I wonder. It is \\boxed{4}. Done.", reference="4")
    assert by_sentence(result, "evidence") == [None, 1.0, None]
    assert by_sentence(verified(EXACT, "Hm. So \\boxed{5}.", reference="4"), "evidence") == [None, 0.0]


def test_thinking_is_no_answer_and_the_last_message_is_the_answer():
    thinking = OutputMessage("assistant", "Paris", channel="thinking")
    result = verified(
        EXACT, thinking, "Lyon", OutputMessage("tool", "Paris", channel="tool"), "Paris", reference="Paris"
    )
    assert values(result) == {"correct": 1}
    assert correct(EXACT, thinking, reference="Paris") == 0


def test_no_answer_is_wrong_or_unscored_as_chosen():
    thinking = OutputMessage("assistant", "Paris", channel="thinking")
    for given_ in ({}, {"where": "boxed"}):
        answer = "no box" if given_ else thinking
        assert correct(EXACT, answer, reference="Paris", **given_) == 0
        result = verified(EXACT, answer, reference="Paris", no_answer="unscored", **given_)
        assert isinstance(result, Unscored)
        assert result.reason == "no_answer"


def test_a_verifier_that_lacks_what_it_checks_by_gives_no_value():
    assert verified(EXACT, "4").reason == "no_reference"
    assert verified(NUMERIC, "4", reference="four").reason == "reference_not_a_number"
    assert verified(PATTERN, "4").reason == "no_pattern"
    assert verified(PATTERN, "4", pattern="{reference}").reason == "no_reference"
    assert verified(EXACT, "x" * (MOST_CHARACTERS + 1), reference="x").reason == "text_too_long"
    assert verified(EXACT, "\ud800", reference="x").reason == "invalid_text"


@pytest.mark.parametrize(
    ("text", "boxed"),
    [
        ("\\boxed{1} then \\boxed{2}", "2"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{a\\}b}", "a\\}b"),
        ("\\boxed{never closed", None),
        ("nothing", None),
    ],
)
def test_the_last_box_is_read_with_its_braces_balanced(text, boxed):
    found = last_boxed(Answer.of(0, text))
    assert (found.text if found else None) == boxed
    assert found is None or text[found.start : found.end] == boxed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", [42]),
        ("about 1,234.50 in all", [Fraction(2469, 2)]),
        ("1\u202f234\u202f567", [1234567]),
        ("12,345,678", [12345678]),
        ("1,23", [1, 23]),
        ("-3 and −4 and +5", [-3, -4, 5]),
        ("5-3", [5, 3]),
        ("x = -2", [-2]),
        ("3/4", [Fraction(3, 4)]),
        ("1 1/2", [Fraction(3, 2)]),
        ("\\frac{3}{4} and -\\dfrac{1}{3}", [Fraction(3, 4), Fraction(-1, 3)]),
        ("50%", [Fraction(1, 2)]),
        ("12.5\\%", [Fraction(1, 8)]),
        ("1e3 and 2.5E-2", [1000, Fraction(1, 40)]),
        (".5", [Fraction(1, 2)]),
        ("２３", [23]),
        ("42.", [42]),
        ("$1,000", [1000]),
        ("x2 and H2O", []),
        ("1/0", []),
    ],
)
def test_numbers_are_read_exactly(text, expected):
    assert [number.value for number in find_numbers(text)] == expected


def test_a_number_that_no_memory_could_hold_is_none():
    assert find_numbers("1e999999999") == []
    assert find_numbers("9" * (MOST_DIGITS + 1)) == []
    assert find_numbers("1e999")[0].value == 10**999


def test_the_decimal_mark_is_chosen():
    assert find_numbers("1.234,5", decimal=",")[0].value == Fraction(2469, 2)
    assert correct(NUMERIC, "1.234,5", reference="1234,5", decimal_mark="comma") == 1


@given(st.fractions(max_denominator=1000), st.sampled_from(["", "so ", "= "]))
def test_a_fraction_that_is_written_out_is_read_back(value, before):
    assert [number.value for number in find_numbers(f"{before}{value.numerator}/{value.denominator}")] == [value]


@given(st.text(alphabet="0123456789.,/%eE+- \\frac{}−", max_size=60))
def test_any_text_of_digits_and_signs_can_be_read_and_places_are_right(text):
    for number in find_numbers(text):
        assert 0 <= number.start < number.end <= len(text)
        assert any(character.isdigit() for character in text[number.start : number.end])


@pytest.mark.parametrize(
    ("answer", "reference", "parameters", "expected"),
    [
        ("The total is 42.", "#### 42", {}, 1),
        ("3 + 4 = 7", "7", {}, 1),
        ("7 = 3 + 4", "7", {}, 0),
        ("0.3", "3/10", {}, 1),
        ("0.333", "1/3", {}, 0),
        ("0.333", "1/3", {"absolute": 0.001}, 1),
        ("1001", "1000", {"relative": 0.001}, 1),
        ("1001.0001", "1000", {"relative": 0.001}, 0),
        ("-1001", "-1000", {"relative": 0.001}, 1),
        # 0.1 in binary is a little more than 1/10: read as a float, the bound would let 1.1 + 1e-18 in.
        ("1.100000000000000001", "1", {"absolute": 0.1}, 0),
        ("1.1", "1", {"absolute": 0.1}, 1),
        ("50%", "0.5", {}, 1),
        ("50%", "50", {"percent": "number"}, 1),
        ("\\boxed{\\frac{1}{2}} or 3", "0.5", {}, 1),
        ("no number", "1", {}, 0),
    ],
)
def test_numbers_match_exactly_or_within_the_tolerance(answer, reference, parameters, expected):
    assert correct(NUMERIC, answer, reference=reference, **parameters) == expected


@pytest.mark.parametrize(
    ("answer", "parameters", "expected"),
    [
        ("abc 123", {"pattern": r"\d+"}, 1),
        ("abc", {"pattern": r"\d+"}, 0),
        ("abc", {"pattern": r"\d+", "wanted": False}, 1),
        ("abc 123", {"pattern": r"\d+", "match": "full"}, 0),
        ("123", {"pattern": r"\d+", "match": "full"}, 1),
        ("YES", {"pattern": "yes"}, 0),
        ("YES", {"pattern": "yes", "ignore_case": True}, 1),
        ("a\nb", {"pattern": "^b$"}, 0),
        ("a\nb", {"pattern": "^b$", "multiline": True}, 1),
        ("a\nb", {"pattern": "a.b", "dot_all": True}, 1),
        ("it is 1+1", {"pattern": "is {reference}$"}, 1),
        ("it is 111", {"pattern": "is {reference}$"}, 0),
    ],
)
def test_a_pattern_matches_as_its_parameters_say(answer, parameters, expected):
    assert correct(PATTERN, answer, reference="1+1", **parameters) == expected


def test_a_tasks_own_pattern_stands_in_its_metadata():
    assert correct(PATTERN, "abc", metadata={"pattern": "b"}) == 1
    assert verified(PATTERN, "abc", metadata={"pattern": "("}).reason == "invalid_pattern"
    assert verified(PATTERN, "abc", metadata={"pattern": 7}).reason == "no_pattern"


def test_a_pattern_that_is_none_is_refused_before_the_run():
    with pytest.raises(ParameterError, match="pattern: not a regular expression"):
        verified(PATTERN, "abc", pattern="(")


def test_a_pattern_that_backtracks_without_end_does_not_hold_the_worker(monkeypatch):
    monkeypatch.setattr("workers.sources.verifiers.pattern.SECONDS", 0.05)
    result = verified(PATTERN, "a" * 40 + "!", pattern=r"^(a|a|aa)+$")
    assert isinstance(result, Unscored)
    assert result.reason == "timed_out"


SLOW = {
    "boxes": "\\boxed{" * 20_000,
    "commas": "1," * 50_000,
    "slashes": "1/" * 50_000,
    "tags": "<answer>" * 20_000,
    "signs": "- " * 50_000,
}


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("source", [EXACT, NUMERIC], ids=["exact", "numeric"])
def test_texts_made_to_be_slow_are_read_in_one_pass(source, kind):
    assert isinstance(verified(source, SLOW[kind], reference="1"), Scored)
