"""Semantic similarity, against cosines of letter counts worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.parameters import ParameterError, validate_parameters
from rewards.rubrics.content import Criterion
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.similarity import InstructionSimilarity, SemanticSimilarity, channel_of

REFERENCE, INSTRUCTION = SemanticSimilarity(), InstructionSimilarity()


def item(*outputs: str | OutputMessage, task: str = "ab", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


def score(source, *items: SourceItem, engine=None, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    return source.score(items, {"encoder": engine or ScriptedEngine()}, parameters)


def signals(result):
    """By channel and segmenter."""
    assert isinstance(result, Scored), result
    return {
        (found.channel, found.signal.segmentation.segmenter.split("/")[0]): found.signal for found in result.signals
    }


def test_the_whole_and_each_sentence_are_compared_with_the_reference():
    # Letter counts: "ab" (1, 1); the output "a\nbb" (1, 2); its sentences "a" (1, 0) and "bb" (0, 2).
    # cos(whole) = 3 / (sqrt 5 sqrt 2); cos(a) = cos(bb) = 1 / sqrt 2.
    [result] = score(REFERENCE, item("a\nbb", reference="ab"))
    found = signals(result)
    assert found["similarity", "whole"].values == pytest.approx([3 / math.sqrt(10)])
    assert found["similarity", "sentence"].values == pytest.approx([1 / math.sqrt(2)] * 2)
    assert found["similarity", "sentence"].segmentation.spans.tolist() == [[0, 0, 2], [0, 2, 4]]
    assert set(found) == {("similarity", "whole"), ("similarity", "sentence")}


def test_equal_texts_are_at_one_and_texts_with_nothing_in_common_at_zero():
    same, other = score(REFERENCE, item("cat", reference="cat"), item("dog", reference="cat"), by_sentence=False)
    assert signals(same)["similarity", "whole"].values == pytest.approx([1])
    assert signals(other)["similarity", "whole"].values == pytest.approx([0])


def test_the_curve_by_hand():
    # Prompt "ab". Up to the first sentence "a": 1 / sqrt 2. Up to the second "a b": 1. To the third "a b bb": (1, 3),
    # 4 / (sqrt 10 sqrt 2).
    [result] = score(INSTRUCTION, item("a\nb\nbb"))
    curve = signals(result)["similarity_prefix", "sentence"]
    assert curve.values == pytest.approx([1 / math.sqrt(2), 1, 4 / math.sqrt(20)])


@given(
    texts=st.lists(st.text("ab. \n\u0301😀", min_size=1, max_size=30), min_size=1, max_size=3).filter(
        lambda texts: any(text.strip() for text in texts)
    )
)
def test_the_curve_ends_in_the_similarity_of_the_whole(texts):
    [result] = score(INSTRUCTION, item(*texts))
    found = signals(result)
    curve = found["similarity_prefix", "sentence"].values
    assert curve[~np.isnan(curve)][-1] == found["similarity", "whole"].values[0]


def test_each_criterion_has_a_signal_of_its_own():
    criteria = (Criterion("first", "a"), Criterion("second", "b"))
    [result] = score(INSTRUCTION, item("a\nb", criteria=criteria), against="criteria", by_prefix=False)
    found = signals(result)
    assert found["similarity:first", "sentence"].values.tolist() == [1, 0]
    assert found["similarity:second", "sentence"].values.tolist() == [0, 1]
    assert found["similarity:first", "whole"].values == pytest.approx([1 / math.sqrt(2)])
    [none] = score(INSTRUCTION, item("a"), against="criteria")
    assert none.reason == "no_criteria"


def test_a_key_too_long_for_a_channel_is_cut_and_stays_its_own():
    one, other = channel_of("similarity", "k" * 80), channel_of("similarity", "k" * 79 + "x")
    assert len(one) == len(other) == 80
    assert one != other
    assert channel_of("similarity", "short") == "similarity:short"
    assert channel_of("similarity", "") == "similarity"


def test_what_tools_said_is_not_read_and_has_no_value():
    parts = (OutputMessage("assistant", "a"), OutputMessage("tool", "zzz"), OutputMessage("assistant", "b"))
    [result] = score(INSTRUCTION, item(*parts))
    found = signals(result)
    assert found["similarity", "whole"].values == pytest.approx([1])
    assert found["similarity", "whole"].segmentation.spans.tolist() == [[2, 1, 1]]
    np.testing.assert_allclose(found["similarity", "sentence"].values, [1 / math.sqrt(2), math.nan, 1 / math.sqrt(2)])
    np.testing.assert_allclose(found["similarity_prefix", "sentence"].values, [1 / math.sqrt(2), math.nan, 1])


def test_thinking_is_read_where_wanted():
    parts = (OutputMessage("assistant", "b", channel="thinking"), OutputMessage("assistant", "a"))
    [answer], [both] = score(INSTRUCTION, item(*parts)), score(INSTRUCTION, item(*parts), include_thinking=True)
    assert signals(answer)["similarity", "whole"].values == pytest.approx([1 / math.sqrt(2)])
    assert signals(both)["similarity", "whole"].values == pytest.approx([1])


def test_a_text_beyond_the_context_is_unscored_and_its_sentences_alone_are_not():
    engine = ScriptedEngine(context_length=6)
    long = item("aaaa\nbbbb", reference="ab")
    [whole], [parts] = score(REFERENCE, long, engine=engine), score(REFERENCE, long, engine=engine, whole_output=False)
    assert isinstance(whole, Unscored)
    assert whole.reason == "context_overrun"
    assert signals(parts)["similarity", "sentence"].values == pytest.approx([1 / math.sqrt(2)] * 2)
    # Of a sentence that does not fit there is no value, of the others there is.
    [mixed] = score(REFERENCE, item("aaaaaaaa\nbbbb", reference="ab"), engine=engine, whole_output=False)
    np.testing.assert_allclose(signals(mixed)["similarity", "sentence"].values, [math.nan, 1 / math.sqrt(2)], rtol=1e-6)
    [none] = score(REFERENCE, item("aaaaaaaa", reference="ab"), engine=engine, whole_output=False)
    assert none.reason == "context_overrun"


def test_a_reference_that_cannot_be_read_is_said_to_be_the_cause():
    [result] = score(REFERENCE, item("a", reference="a" * 9), engine=ScriptedEngine(context_length=6))
    assert result.reason == "context_overrun"
    assert result.detail.startswith("what the output is compared with")


def test_every_text_is_embedded_once():
    class Counting(ScriptedEngine):
        seen: list[str] = []

        def embed(self, texts):
            self.seen += texts
            return super().embed(texts)

    engine = Counting()
    items = [item("a\nb", reference="ab"), item("a\nb", reference="ab"), item("a", reference="ab")]
    score(REFERENCE, *items, engine=engine)
    assert sorted(engine.seen) == ["a", "a\nb", "ab", "b"]
    estimate = REFERENCE.estimate(items, validate_parameters(REFERENCE.declaration.parameters, {}))
    assert (estimate.requests, estimate.characters) == (4, 7)


def test_something_has_to_be_compared():
    with pytest.raises(ParameterError, match="whole_output"):
        score(REFERENCE, item("a", reference="a"), whole_output=False, by_sentence=False)
