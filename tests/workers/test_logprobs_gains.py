"""Rewards by the reference answer's likelihood: information gain, thoughts, sparse positions, Shapley values."""

from itertools import permutations

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.segmentation import Segmentation
from tests.workers import letters
from tests.workers.letters import LN2, Letters, item, signals, tool
from workers.engines.contract import ChatMessage, Prompt
from workers.sources.contract import OutputMessage
from workers.sources.logprobs.information_gain import InformationGain
from workers.sources.logprobs.reading import OutputTokens, asked_after
from workers.sources.logprobs.shapley_gain import ShapleyGain, exact_values, sampled_values
from workers.sources.logprobs.sparse_likelihood import SparseLikelihood, places
from workers.sources.logprobs.thought_gain import ThoughtGain, shuffled
from workers.sources.results import Unscored

GAIN, THOUGHT, SPARSE, SHAPLEY = InformationGain(), ThoughtGain(), SparseLikelihood(), ShapleyGain()
ALL = (GAIN, THOUGHT, SPARSE, SHAPLEY)


def score(source, engines, *items, **given):
    """Without words before the reference, unless told: a model of letters would read them."""
    return letters.score(source, engines, *items, **{"lead": "", **given})


def test_words_of_ones_own_lead_over_to_the_reference():
    engine = Letters()
    for source in ALL:
        letters.score(source, engine, item("q", "ab", reference="ab"))
    read = [prompt.prefill for prompt in engine.asked if prompt.prefill]
    assert {"The final answer is: ", "ab\n\nThe final answer is: "} <= set(read)
    assert all(prefill.endswith("The final answer is: ") for prefill in read)


def test_the_reference_goes_on_in_the_turn_that_the_policy_began():
    user, said, answered = ChatMessage("user", "q"), ChatMessage("assistant", "a"), ChatMessage("tool", "t")
    assert asked_after([user, said], "chat", "So ") == Prompt((user,), prefill="a\n\nSo ")
    assert asked_after([user, said, answered], "chat") == Prompt((user, said, answered))
    assert asked_after([user, said, said], "chat") == Prompt((user,), prefill="a\n\na\n\n")
    assert asked_after([user, said], "plain", "So ") == Prompt(plain_text="q\n\na\n\nSo ")


def test_information_gain_by_hand():
    # Reference "ab". Before any turn "q" was read: 1/8 each. After the first turn the tool's "b": 1/8 and 1/2, whose
    # geometric mean is 1/4. After the second the tool's "b" and the policy's "ab": 1/2.
    one = item("q", "a?", tool("b"), "ab", reference="ab")
    found = signals(score(GAIN, Letters(), one, last_turn="gain")[0])
    np.testing.assert_allclose(found["answer_probability", "turn"].values, [1 / 4, np.nan, 1 / 2], rtol=1e-6)
    np.testing.assert_allclose(found["information_gain", "turn"].values, [1 / 8, np.nan, 1 / 4], rtol=1e-6)
    assert found["answer_probability_before", "whole"].total == pytest.approx(1 / 8)


def test_information_gains_add_up_to_what_all_turns_brought(tiny_engine):
    one = item("what?", "the cat", tool("sat"), "on the", tool("mat"), "Yes", reference="the mat")
    found = signals(score(GAIN, tiny_engine, one, last_turn="gain")[0])
    levels = found["answer_probability", "turn"].values
    before = found["answer_probability_before", "whole"].total
    assert found["information_gain", "turn"].total == pytest.approx(levels[-1] - before, abs=1e-6)


def test_the_last_turn_gets_the_outcome():
    # Words of "a b c" and "a b": 2 * 2 / (3 + 2) = 0.8.
    one = item("q", "a?", tool("b"), "a b c", reference="a b")
    found = signals(score(GAIN, Letters(), one)[0])
    assert found["information_gain", "turn"].values[-1] == pytest.approx(0.8)


def test_a_reference_that_does_not_fit_after_some_turn_leaves_the_output_unscored(tiny_engine):
    [result] = score(GAIN, tiny_engine, item("q", "Yes", "x" * 600, reference="Yes"))
    assert isinstance(result, Unscored)
    assert result.reason == "context_overrun"
    assert "after 2 turns" in result.detail


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.declaration.name)
def test_a_task_without_a_reference_is_unscored(source):
    [result] = score(source, Letters(), item("q", "ab"))
    assert result.reason == "no_reference"


def thinking(text):
    return OutputMessage("assistant", text, channel="thinking")


def test_thought_gain_by_hand():
    # "ab" after "q": 1/8 each; after the thought "b a" 1/2 each: 2 ln 2 a token, in any order of its words.
    one = item("q", thinking("b a"), "zzz", reference="ab")
    found = signals(score(THOUGHT, Letters(), one)[0])
    assert found["thought_gain", "whole"].total == pytest.approx(2 * LN2)
    assert found["thought_gain_shuffled", "whole"].total == pytest.approx(2 * LN2)
    assert found["thought_gain_beyond_order", "whole"].total == pytest.approx(0, abs=1e-6)


def test_what_a_thought_says_beyond_its_words_is_what_the_control_lacks():
    class Hasty(Letters):
        """Reads only the first letter of what was said."""

        def _read(self, prompt):
            super()._read(prompt)
            return prompt.prefill[:1]

    # The reference "a" is likely only if the thought begins with it: gain 2 ln 2, and of the orders' only part.
    one = item("q", thinking("a x y"), reference="a", seed=3)
    found = signals(score(THOUGHT, Hasty(), one, shuffles=8)[0])
    first = [shuffled("a x y", f"3 {number}")[0] for number in range(8)]
    assert 0 < first.count("a") < 8
    assert found["thought_gain", "whole"].total == pytest.approx(2 * LN2)
    assert found["thought_gain_shuffled", "whole"].total == pytest.approx(2 * LN2 * first.count("a") / 8)


def test_a_shuffled_thought_has_the_same_words_and_white_space():
    text = "one two\n\nthree  four"
    found = shuffled(text, "seed")
    assert sorted(found.split()) == sorted(text.split())
    assert found != text
    assert "".join(letter for letter in found if letter.isspace()) == " \n\n  "
    assert shuffled(text, "seed") == found
    assert shuffled("alone", "seed") == "alone"


def test_a_thought_is_the_thinking_or_else_all_that_was_written():
    engine = Letters()
    score(THOUGHT, engine, item("q", thinking("a"), tool("t"), "b", reference="z"), shuffles=1)
    score(THOUGHT, engine, item("q", "c", "d", reference="z"), shuffles=1)
    said = {" ".join(sorted(prompt.prefill.split())) for prompt in engine.asked}
    assert said == {"", "a", "c d"}


def test_a_model_of_its_own_may_read_the_reference_without_the_thought():
    # The one that does not think gives 1/4: ln(1/2) - ln(1/4) = ln 2.
    engines = {"model": Letters(), "baseline": Letters(1 / 4, 1 / 4)}
    found = signals(score(THOUGHT, engines, item("q", "a", reference="a"))[0])
    assert found["thought_gain", "whole"].total == pytest.approx(LN2)


def test_a_thoughts_baseline_with_another_tokenizer_leaves_the_output_unscored(tiny_engine, other_engine):
    one = item("what?", "the cat", reference="the answer is right")
    [result] = score(THOUGHT, {"model": tiny_engine, "baseline": other_engine}, one)
    assert result.reason == "tokenizers_differ"


def test_sparse_position_likelihood_by_hand():
    # In units of ln 2. "abc" after "q": -3 a letter. The reference "ab": -6 before anything, -2 after "ab" or "abc".
    # R_0 = -6, R_2 = -6 - 2 = -8, R_3 = -9 - 2 = -11; R_1 lies in the middle of R_0 and R_2: -7.
    one = item("q", "abc", reference="ab")
    found = signals(score(SPARSE, Letters(), one, skip=2)[0])
    np.testing.assert_allclose(
        found["partial_likelihood", "tokenizer"].values, LN2 * np.array([-7, -8, -11]), rtol=1e-6
    )
    np.testing.assert_allclose(found["likelihood_gain", "tokenizer"].values, LN2 * np.array([-1, -1, -3]), rtol=1e-6)
    assert found["partial_likelihood_before", "whole"].total == pytest.approx(-6 * LN2)
    assert found["likelihood_gain", "step"].total == pytest.approx(-5 * LN2)


def test_the_temperature_divides_likelihoods():
    one = item("q", "abc", reference="ab")
    [cold], [warm] = (score(SPARSE, Letters(), one, temperature=value) for value in (1.0, 2.0))
    for a, b in zip(cold.signals, warm.signals, strict=True):
        np.testing.assert_allclose(a.signal.values, 2 * b.signal.values, rtol=1e-6)


def test_a_reading_at_every_token_equals_plain_sums_of_log_probabilities(tiny_engine):
    from workers.engines.contract import Continuation

    text, reference = "the cat sat", "the mat"
    found = signals(score(SPARSE, tiny_engine, item("q", text, reference=reference), skip=1)[0])
    user = (ChatMessage("user", "q"),)
    [whole] = tiny_engine.logprobs([Continuation(Prompt(user), text)])
    expected = []
    for place, (_, end) in enumerate(whole.spans.tolist(), 1):
        [after] = tiny_engine.logprobs([Continuation(Prompt(user, prefill=f"{text[:end]}\n\n"), reference)])
        expected.append(whole.logprobs[:place].sum() + after.logprobs.sum())
    np.testing.assert_allclose(found["partial_likelihood", "tokenizer"].values, expected, atol=1e-3)


def test_no_position_cuts_a_character_in_two():
    # Three tokens share the character at 1: a reading after two or three of them moves on behind all.
    spans = [(0, 0, 1), (0, 1, 2), (0, 1, 2), (0, 1, 2), (0, 2, 3), (1, 0, 1)]
    cut = OutputTokens(Segmentation("tokenizer:x", np.array(spans, dtype=np.int32)), {}, {})
    assert places(cut, 2) == [0, 4, 6]
    assert places(cut, 3) == [0, 4, 6]
    assert places(cut, 5) == [0, 5, 6]
    assert places(cut, 12) == [0, 6]


def test_shapley_information_gain_by_hand():
    # v in units of ln 2 for "ab": -3 with none; "a" or "b" alone -2; "ab", or both, -1. Steps "a", "b" and "ab".
    # The first: 1/3 of 1 alone, 1/6 of 1 after "b", 1/6 of 0 after "ab", 1/3 of 0 after both: 1/2. So the second.
    # The third: 1/3 of 2 alone, 1/6 of 1 after each of the others, 0 after both: 1.
    one = item("q", "a\nb\nab", reference="ab")
    found = signals(score(SHAPLEY, Letters(), one)[0])
    np.testing.assert_allclose(found["shapley_value", "step"].values, LN2 * np.array([0.5, 0.5, 1]), rtol=1e-6)
    assert found["answer_gain", "whole"].total == pytest.approx(2 * LN2)
    assert found["answer_logprob_before", "whole"].total == pytest.approx(-3 * LN2)


def worth(coalition):
    """A game of four without any symmetry."""
    return sum(coalition) ** 2 + (7 if {0, 3} <= coalition else 0) - (5 if 2 in coalition else 0)


def test_all_orders_give_the_exact_values():
    exact = exact_values(4, worth)
    np.testing.assert_allclose(sampled_values(list(permutations(range(4))), worth), exact)
    assert sum(exact) == pytest.approx(worth(frozenset(range(4))) - worth(frozenset()))


def test_every_budget_of_orders_is_complete():
    for orders in ([(2, 0, 3, 1)], [(0, 1, 2, 3), (3, 1, 0, 2), (1, 3, 2, 0)]):
        assert sum(sampled_values(orders, worth)) == pytest.approx(worth(frozenset(range(4))) - worth(frozenset()))


def test_a_game_of_sums_gives_each_its_own():
    np.testing.assert_allclose(exact_values(3, lambda joined: sum(2.0**one for one in joined)), [1, 2, 4])


@pytest.mark.parametrize("orders", [1, 3])
def test_drawn_orders_are_complete_on_a_real_model_and_follow_the_seed(tiny_engine, orders):
    one = item("what?", "the cat\nsat on\nthe mat\nYes", reference="the mat", seed=5)
    given = {"exact_up_to": 1, "permutations": orders}
    [first, again] = (signals(result) for result in score(SHAPLEY, tiny_engine, one, one, **given))
    assert first["shapley_value", "step"].total == pytest.approx(first["answer_gain", "whole"].total, abs=1e-4)
    assert first["shapley_value", "step"] == again["shapley_value", "step"]


def test_a_tools_words_belong_to_the_turn_that_they_answer():
    # "b" comes with the first turn, so both letters of "ab" are its own: the second turn "z" adds nothing.
    one = item("q", "a", tool("b"), "z", reference="b")
    found = signals(score(SHAPLEY, Letters(), one, parts="turns")[0])
    np.testing.assert_allclose(found["shapley_value", "turn"].values, [2 * LN2, np.nan, 0], atol=1e-6)


def test_an_output_of_too_many_parts_is_unscored_and_asks_no_model():
    engine = Letters()
    [result] = score(SHAPLEY, engine, item("q", "a\nb\nc", reference="a"), most_parts=2)
    assert result.reason == "too_many_parts"
    assert engine.asked == []


def test_the_estimate_counts_each_coalition_once():
    parameters = validate_parameters(SHAPLEY.declaration.parameters, {})
    # Two parts: none, each, both: four readings.
    assert SHAPLEY.estimate([item("q", "a\nb", reference="a")], parameters).requests == 4
    # Five parts by one order: six coalitions.
    one = item("q", "a\nb\nc\nd\ne", reference="a")
    parameters = validate_parameters(SHAPLEY.declaration.parameters, {"permutations": 1})
    assert SHAPLEY.estimate([one], parameters).requests == 6
