"""Hostile text, offsets, quotations and word snapping."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.text import (
    QuoteSelector,
    Span,
    check_span,
    check_text,
    find_again,
    from_utf16_many,
    quote,
    quote_selector,
    sha256_text,
    to_utf16,
    to_utf16_many,
    word_bounds,
    word_cuts,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_nul_is_refused_with_its_position():
    with pytest.raises(ValueError, match="NUL character at position 2"):
        check_text("ab\x00c")


def test_a_lone_surrogate_is_refused_with_its_position_in_code_points():
    with pytest.raises(ValueError, match=r"lone surrogate U\+D83D at position 1"):
        check_text("\U0001f600\ud83d")


def test_emoji_right_to_left_and_crlf_text_pass():
    check_text("\U0001f600 שלום مرحبا\r\n\t\ufeff")


def test_the_hash_is_that_of_the_utf8_bytes():
    # printf 'abc' | sha256sum, the example of FIPS 180-2
    assert sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_equal_looking_texts_are_not_normalised():
    assert sha256_text("é") != sha256_text("e\u0301")


def test_a_character_outside_the_basic_plane_counts_two_in_utf16():
    text = "a\U0001f600b"
    assert to_utf16_many(text, [0, 1, 2, 3]).tolist() == [0, 1, 3, 4]
    assert from_utf16_many(text, [4, 3, 1, 0]).tolist() == [3, 2, 1, 0]
    assert to_utf16(text, 2) == 3


def test_an_offset_inside_a_surrogate_pair_is_an_error():
    with pytest.raises(ValueError, match="UTF-16 offset 2 lies inside a surrogate pair"):
        from_utf16_many("a\U0001f600b", [2])


@pytest.mark.parametrize("offset", [-1, 4])
@pytest.mark.parametrize("text", ["abc", "äbc"])
def test_an_offset_outside_the_text_says_what_was_expected(text, offset):
    with pytest.raises(ValueError, match="expected 0 to 3 UTF-16 code units"):
        from_utf16_many(text, [offset])
    with pytest.raises(ValueError, match="expected 0 to 3 code points"):
        to_utf16(text, offset)


@given(st.text(), st.data())
def test_conversion_agrees_with_encoding_the_text_before_the_offset(text, data):
    offset = data.draw(st.integers(0, len(text)))
    units = len(text[:offset].encode("utf-16-le")) // 2
    assert to_utf16(text, offset) == units
    assert from_utf16_many(text, [units]).tolist() == [offset]


def test_no_offsets_convert_to_no_offsets():
    assert to_utf16_many("ä", []).tolist() == []


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(2, 0, 1), "message 2: expected 0 to 1"),
        (Span(-1, 0, 1), "message -1: expected 0 to 1"),
        (Span(0, 0, 4), "expected 0 <= start < end <= 3"),
        (Span(0, -1, 2), "expected 0 <= start < end <= 3"),
        (Span(0, 2, 1), "expected 0 <= start < end <= 3"),
        (Span(0, 3, 3), "is empty: expected start < end"),
    ],
)
def test_a_span_outside_the_messages_says_what_was_expected(span, expected):
    with pytest.raises(ValueError, match=expected):
        check_span(span, ["abc", "de"])


def test_the_zero_width_span_is_allowed_only_at_the_very_end():
    check_span(Span(1, 2, 2), ["abc", "de"], end_of_sequence=True)
    with pytest.raises(ValueError, match="only at the end of the last message"):
        check_span(Span(0, 3, 3), ["abc", "de"], end_of_sequence=True)


def test_a_quotation_is_the_exact_code_points():
    assert quote("a\U0001f600\r\nb", Span(0, 1, 4)) == "\U0001f600\r\n"
    with pytest.raises(ValueError, match="expected 0 <= start <= end <= 3"):
        quote("abc", Span(0, 1, 4))


def test_a_selector_keeps_the_words_and_their_neighbourhood():
    assert quote_selector("one two three", 4, 7, context=3) == QuoteSelector("two", "ne ", " th")


def test_a_selector_finds_the_occurrence_with_the_same_neighbourhood():
    old = "the cat sat; the cat ran"
    selector = quote_selector(old, 17, 20, context=5)
    assert selector.exact == "cat"
    assert find_again("Indeed, " + old, selector) == (25, 28)


def test_words_that_are_gone_or_stand_there_twice_are_not_found():
    assert find_again("the dog", QuoteSelector("cat", "the ", "")) is None
    assert find_again("the dog", QuoteSelector("", "the ", "")) is None
    # Places that overlap are two as well.
    assert find_again("aaa", QuoteSelector("aa", "", "")) is None
    assert find_again("the cat sat; the cat ran", QuoteSelector("cat", "the ", "")) is None


@given(st.text("ab \U0001f600", max_size=90), st.data())
def test_a_stretch_is_found_again_wherever_else_the_text_grows_and_never_elsewhere(text, data):
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    selector = quote_selector(text, start, end)
    before, after = data.draw(st.text("ab ", max_size=40)), data.draw(st.text("ab ", max_size=40))
    first, last = start - len(selector.prefix), end + len(selector.suffix)
    grown = text[:first] + before + text[first:last] + after + text[last:]
    found = find_again(grown, selector)
    whole = "".join((selector.prefix, selector.exact, selector.suffix))
    places = sum(grown.startswith(whole, at) for at in range(len(grown)))
    assert found == ((start + len(before), end + len(before)) if start < end and places == 1 else None)


@pytest.mark.parametrize(
    ("text", "start", "end", "words"),
    [
        ("one two three", 5, 6, "two"),
        ("one two three", 2, 5, "one two"),
        ("one two three", 3, 8, "two"),
        ("I don't know", 4, 5, "don't"),
        ("well-known fact", 6, 7, "well-known"),
        ("'quoted' word", 2, 3, "quoted"),
        ("end.", 3, 4, "."),
        ("naïve cafe\u0301 au", 7, 9, "cafe\u0301"),
        ("नमस्ते दुनिया", 1, 2, "नमस्ते"),
        ("שלום עולם", 1, 2, "שלום"),
        ("我喜欢猫", 1, 2, "喜"),
        (f"x {FAMILY} y", 3, 4, FAMILY),
        ("thumb \U0001f44d\U0001f3fd!", 6, 7, "\U0001f44d\U0001f3fd"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 1, 2, "\U0001f1e9\U0001f1ea"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2, 3, "\U0001f1eb\U0001f1f7"),
        ("line\r\nnext", 2, 6, "line"),
    ],
)
def test_a_selection_snaps_to_whole_words(text, start, end, words):
    snapped = word_bounds(text, start, end)
    assert text[slice(*snapped)] == words


@pytest.mark.parametrize(("start", "end"), [(3, 4), (5, 5)])
def test_white_space_alone_and_an_empty_selection_stay_as_they_are(start, end):
    assert word_bounds("one two", start, end) == (start, end)


@given(st.text(alphabet="ab 'é\u0301-猫\U0001f600\u200d\U0001f1e9\r\n", max_size=20), st.data())
def test_snapping_twice_changes_nothing(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    once = word_bounds(text, start, end)
    assert word_bounds(text, *once) == once


@given(st.text(alphabet="ab_ 'é\u0301\u0323-猫\U0001f600\u200d\U0001f1e9\U0001f1ea\r\n", max_size=24))
def test_a_position_cuts_a_word_where_a_selection_that_ends_there_grows(text):
    cuts = word_cuts(text)
    assert (cuts[0], cuts[len(text)], len(cuts)) == (0, 0, len(text) + 1)
    for at in range(1, len(text)):
        # What is selected up to here grows to the right exactly where this position cuts something.
        if text[:at].strip() and not text[at - 1].isspace():
            assert bool(cuts[at]) == (word_bounds(text, 0, at)[1] > at)


def test_a_text_of_flags_alone_is_read_in_one_pass():
    assert sum(word_cuts("\U0001f1e9" * 200_001)) == 100_000
