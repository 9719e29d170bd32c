"""Places of a server's tokens in a text, to the byte."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.openai_tokens import token_spans


def test_byte_level_tokens_are_placed_to_the_byte():
    # "é" is C3 A9: as one token, and as two that share the character.
    assert token_spans("é b", ["Ã©", "Ġb"]).tolist() == [[0, 1], [1, 3]]
    assert token_spans("é b", ["Ã", "©", "Ġb"]).tolist() == [[0, 1], [0, 1], [1, 3]]


def test_sentencepiece_tokens_are_placed_with_and_without_the_space_before_the_text():
    assert token_spans("the cat", ["▁the", "▁cat"]).tolist() == [[0, 3], [3, 7]]
    assert token_spans("漢a", ["<0xE6>", "<0xBC>", "<0xA2>", "a"]).tolist() == [[0, 1], [0, 1], [0, 1], [1, 2]]
    assert token_spans("a b", ["▁", "a", "▁b"]).tolist() == [[0, 0], [0, 1], [1, 3]]


@pytest.mark.parametrize("tokens", [["the"], ["the", "Ġdog"], ["the", "Ġcat", "s"], []])
def test_tokens_that_do_not_spell_the_text_have_no_places(tokens):
    assert token_spans("the cat", tokens) is None


@given(st.text(min_size=1, max_size=30), st.data())
def test_however_the_bytes_are_cut_tokens_cover_the_text_in_order(text, data):
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    sign = {byte: chr(byte) if byte in printable else chr(next(others)) for byte in range(256)}
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw)), max_size=8)) | {0, len(raw)})
    tokens = ["".join(sign[byte] for byte in raw[a:b]) for a, b in itertools.pairwise(cuts)]
    spans = token_spans(text, tokens).tolist()
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert {place for start, end in spans for place in range(start, end)} == set(range(len(text)))
    for (start, end), (a, b) in zip(spans, itertools.pairwise(cuts), strict=True):
        # Each span is the shortest run of characters that holds the token's bytes.
        assert len(text[:start].encode()) <= a < len(text[: start + 1].encode())
        assert len(text[: end - 1].encode()) < b <= len(text[:end].encode())
