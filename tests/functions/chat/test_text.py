"""Detokenisation and stop strings."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from skyhook_functions.chat.text import Detokenizer, StopFilter


def metaspace_tokenizer() -> Tokenizer:
    """Like Llama's: a word's leading space is in its token, and unknown characters are tokens of one byte."""
    words = ["▁", "▁the", "▁sky", "s", "▁is"]
    vocabulary = {token: index for index, token in enumerate([*words, *(f"<0x{b:02X}>" for b in range(256))])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1),
        ]
    )
    return tokenizer


METASPACE = metaspace_tokenizer()


def pieces(tokens: list[int], cuts: set[int]) -> list[list[int]]:
    ends = sorted(cuts | {0, len(tokens)})
    return [tokens[a:b] for a, b in pairwise(ends)]


@given(st.text(max_size=30), st.data())
def test_any_text_comes_back_whole_in_whatever_pieces(
    tokenizer: PreTrainedTokenizerFast, text: str, data: st.DataObject
) -> None:
    tokens = tokenizer.encode(text)
    cuts = data.draw(st.sets(st.integers(0, len(tokens))))
    detokenizer = Detokenizer(tokenizer.decode)
    given_out = [detokenizer.feed(piece) for piece in pieces(tokens, cuts)]
    assert "".join(given_out) + detokenizer.finish() == text
    assert "�" in text or not any("�" in piece for piece in given_out)


@given(st.lists(st.integers(4, 399), max_size=30), st.data())
def test_random_tokens_read_in_pieces_as_they_do_at_once(
    tokenizer: PreTrainedTokenizerFast, tokens: list[int], data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(tokens))))
    detokenizer = Detokenizer(tokenizer.decode)
    text = "".join(detokenizer.feed(piece) for piece in pieces(tokens, cuts)) + detokenizer.finish()
    assert text == tokenizer.decode(tokens)


@given(st.data())
def test_leading_spaces_and_byte_tokens_survive(data: st.DataObject) -> None:
    ids = METASPACE.get_vocab()
    words = data.draw(st.lists(st.sampled_from(["▁the", "▁sky", "s", "▁is", "▁", "é", "你", "🌍"])))
    tokens = [t for w in words for t in ([ids[w]] if w in ids else [ids[f"<0x{b:02X}>"] for b in w.encode()])]
    detokenizer = Detokenizer(METASPACE.decode)
    assert "".join(detokenizer.feed([t]) for t in tokens) + detokenizer.finish() == METASPACE.decode(tokens)


def test_a_character_is_given_out_only_when_its_last_byte_is_there() -> None:
    ids = METASPACE.get_vocab()
    detokenizer = Detokenizer(METASPACE.decode)
    assert [detokenizer.feed([ids[f"<0x{b:02X}>"]]) for b in "🌍".encode()] == ["", "", "", "🌍"]


STOPS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


@given(STOPS, st.text("abcd", max_size=30), st.data())
def test_a_stop_string_ends_the_text_in_whatever_pieces(
    stops: list[str], text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    stop = StopFilter(stops)
    seen = ""
    for a, b in pairwise(cuts):
        seen += stop.feed(text[a:b])
        if stop.stopped:
            break
    seen += stop.finish()
    # The first stop string to be complete counts, and of those that end together the longest.
    end = next((e for e in range(len(text) + 1) if any(text[:e].endswith(s) for s in stops)), None)
    longest = max((len(s) for s in stops if end is not None and text[:end].endswith(s)), default=0)
    assert seen == (text if end is None else text[: end - longest])
    assert stop.stopped == (end is not None)


def test_text_that_can_begin_a_stop_string_waits() -> None:
    stop = StopFilter(["STOP"])
    assert [stop.feed(piece) for piece in ("ab", "cST", "ill S", "TO", "Px")] == ["ab", "c", "STill ", "", ""]
    assert stop.stopped
