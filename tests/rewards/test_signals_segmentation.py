"""Segmentations: validation, bytes, and the rules that cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.segmentation import Segmentation, end_of_sequence, sentences, steps, subsentences, turns, whole, words


def pieces(segmentation, messages):
    return [messages[message][start:end] for message, start, end in segmentation.spans.tolist()]


def test_bytes_are_little_endian_int32_rows():
    segmentation = Segmentation("words", np.array([[0, 0, 3], [1, 2, 258]]))
    assert segmentation.to_bytes() == bytes([0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0])
    assert Segmentation.from_bytes("words", segmentation.to_bytes()) == segmentation


def test_no_segments_are_a_segmentation():
    empty = Segmentation("words", np.zeros((0, 3), dtype=np.int32))
    assert len(empty) == 0
    assert Segmentation.from_bytes("words", b"") == empty


def test_cut_off_bytes_are_refused():
    with pytest.raises(ValueError, match="13 bytes: expected a multiple of 12"):
        Segmentation.from_bytes("words", b"\x00" * 13)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 3, 2]],
        [[-1, 0, 1]],
        [[0, -1, 1]],
        [[0, 2, 3], [0, 1, 4]],
        [[0, 0, 3], [0, 1, 2]],
        [[1, 0, 1], [0, 5, 6]],
    ],
)
def test_segments_out_of_order_are_refused_by_number(rows):
    with pytest.raises(ValueError, match=f"segment {len(rows) - 1} is"):
        Segmentation("words", np.array(rows))


@pytest.mark.parametrize("spans", [np.zeros((2, 2), dtype=int), np.zeros(3, dtype=int), np.array([[0.0, 0.5, 1.0]])])
def test_anything_but_rows_of_three_whole_numbers_is_refused(spans):
    with pytest.raises(ValueError, match="expected whole numbers"):
        Segmentation("words", spans)


def test_numbers_beyond_int32_are_refused_instead_of_wrapped():
    with pytest.raises(ValueError, match=r"below 2\*\*31"):
        Segmentation("words", np.array([[0, 0, 2**32 + 1]]))


def test_byte_level_tokens_may_cover_one_character_together():
    tokens = Segmentation.from_offsets("bytes", [[(0, 1), (0, 1), (0, 2), (1, 2)]])
    assert len(tokens) == 4


def test_stored_spans_cannot_be_changed():
    segmentation = turns(["abc"])
    with pytest.raises(ValueError, match="read-only"):
        segmentation.spans[0, 0] = 1


def test_a_segment_outside_the_texts_is_refused():
    tokens = Segmentation.from_offsets("words", [[(0, 3)], [(0, 9)]])
    tokens.check_within(["abc", "defghijkl"])
    with pytest.raises(ValueError, match=r"segment 1 of words is \(1, 0, 9\)"):
        tokens.check_within(["abc", "de"])
    with pytest.raises(ValueError, match="segment 1 of words"):
        tokens.check_within(["abc"])


def test_offsets_stand_at_the_messages_that_they_are_of():
    tokens = Segmentation.from_offsets("words", [np.array([[0, 3], [3, 5]]), [], [(1, 2)]], messages=[1, 2, 4])
    assert tokens.spans.tolist() == [[1, 0, 3], [1, 3, 5], [4, 1, 2]]
    assert len(Segmentation.from_offsets("words", [[]])) == 0
    with pytest.raises(ValueError, match="longer"):
        Segmentation.from_offsets("words", [[(0, 3)], [(0, 9)]], messages=[1])


def test_an_output_without_messages_has_no_end():
    with pytest.raises(ValueError, match="expected at least one message"):
        end_of_sequence([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!  Three?", ["One. ", "Two!  ", "Three?"]),
        ("It costs 3.50 euros. Yes.", ["It costs 3.50 euros. ", "Yes."]),
        ("Ask Dr. Who, e.g. today. Now.", ["Ask Dr. Who, e.g. today. ", "Now."]),
        ("J. Doe wrote it. So did I. Then.", ["J. Doe wrote it. ", "So did I. ", "Then."]),
        ("1. First\n2. Second", ["1. First\n", "2. Second"]),
        ('"Stop." She left.', ['"Stop." ', "She left."]),
        ("Wait... what?", ["Wait... ", "what?"]),
        ("A title\r\n\r\nText here", ["A title\r\n\r\n", "Text here"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("  \n Leading", ["  \n Leading"]),
        ("   ", ["   "]),
        ("no end", ["no end"]),
    ],
)
def test_sentences_end_where_the_rule_says(text, expected):
    assert pieces(sentences([text]), [text]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Add.\nMultiply.", ["Add.\n", "Multiply."]),
        ("Add.\n\n\nMultiply.\n", ["Add.\n\n\n", "Multiply.\n"]),
        ("\n\nAdd.", ["\n\nAdd."]),
        (
            "Let us see.\nStep 1: Add.\nCarry.\n\n**Step 2:** Done.",
            ["Let us see.\n", "Step 1: Add.\nCarry.\n\n", "**Step 2:** Done."],
        ),
        ("### step 1. a\n### STEP 2. b", ["### step 1. a\n", "### STEP 2. b"]),
        ("Step by step\nwe go", ["Step by step\n", "we go"]),
    ],
)
def test_steps_begin_at_markers_or_else_at_lines(text, expected):
    assert pieces(steps([text]), [text]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, it sat.", ["The ", "cat, ", "it ", "sat."]),
        ("  a\r\n\tb ", ["  a\r\n\t", "b "]),
        ("猫坐在垫子上。好", ["猫", "坐", "在", "垫", "子", "上。", "好"]),
        ("の cat猫 GPT模型x", ["の ", "cat", "猫 ", "GPT", "模", "型", "x"]),
        ("👩‍👩‍👧‍👦! e\u0301\u0323a", ["👩‍👩‍👧‍👦! ", "e\u0301\u0323a"]),
        ("ก\u0e33 x", ["ก", "\u0e33 ", "x"]),
    ],
)
def test_words_end_with_white_space_and_around_letters_of_unspaced_scripts(text, expected):
    assert pieces(words([text]), [text]) == expected


def test_turns_are_messages_and_empty_messages_have_none():
    assert turns(["abc", "", "de"]).spans.tolist() == [[0, 0, 3], [2, 0, 2]]


def test_the_whole_of_one_message_is_its_text_and_of_several_the_end_of_the_last():
    assert whole(["abc"]).spans.tolist() == [[0, 0, 3]]
    assert whole(["abc", "de"]).spans.tolist() == [[1, 2, 2]]
    with pytest.raises(ValueError, match="at least one message"):
        whole([])


def test_a_clause_of_five_words_with_more_than_five_after_it_is_a_segment():
    # Five words before and six after; then five after, which is one too few.
    six = "one two three four five, six seven eight nine ten eleven."
    five = "one two three four five; six seven eight nine ten."
    assert pieces(subsentences([f"{six} {five}"]), [f"{six} {five}"]) == [six[:25], six[25:] + " ", five]


def test_a_short_clause_joins_the_one_before_it_and_the_first_the_one_after_it():
    # "Well," and "now then," are short and first. A cut before "and so," moves on past it, for it has two words, and
    # past "as it was late,", for it has four.
    text = "Well, now then, I went out to the old house, and so, as it was late, I stayed there for the night."
    assert pieces(subsentences([text]), [text]) == [
        "Well, now then, I went out to the old house, and so, as it was late, ",
        "I stayed there for the night.",
    ]


@given(st.lists(st.text(alphabet="aZ1. !?\n\r\t。Step:*\u2029\U0001f600", max_size=40), max_size=3))
def test_every_character_lies_in_exactly_one_segment(messages):
    for cut in (words, sentences, subsentences, steps, turns):
        segmentation = cut(messages)
        segmentation.check_within(messages)
        assert "".join(pieces(segmentation, messages)) == "".join(messages)
        assert all(end > start for _, start, end in segmentation.spans.tolist())


@pytest.mark.parametrize("unit", ["猫", "🇩", "e\u0301", ".", '."', " ", "\n", "\r\n", "。", "a. ", "* ", "step 1", "-"])
def test_hostile_repetition_is_cut_in_linear_time(unit):
    # 200,000 repetitions: a quadratic rule would take hours, so finishing is the assertion.
    text = unit * 200_000
    for cut in (words, sentences, subsentences, steps):
        assert cut([text]).spans[-1, 2] == len(text)
