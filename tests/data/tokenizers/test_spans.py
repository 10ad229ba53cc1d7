"""Tokens in order show the text, whatever they cut apart."""

import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from glassworks.core.characters import together
from glassworks.data.tokenizers.build import Tokenizer, byte_tokenizer, train_bpe
from glassworks.data.tokenizers.spans import in_order, spans, whole_characters

JAPANESE = "吾輩は猫である。名前はまだ無い。👩‍👩‍👧 naïve"
SMALL = train_bpe(["a few words of English, and nothing else at all"], 300)


def llama() -> Tokenizer:
    """Not byte-level: a blank before every text, and single bytes for what has no token."""
    inner = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    special = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    inner.train_from_iterator(["the cat sat on the mat"] * 9, trainer)
    plain = tokenizers.Tokenizer.from_str(inner.to_str())
    return Tokenizer(plain)


def test_a_character_of_several_tokens_is_one_span() -> None:
    ids = byte_tokenizer().encode("né猫")
    assert spans(byte_tokenizer(), ids) == [(0, 1, "n"), (1, 3, "é"), (3, 6, "猫")]
    assert in_order(byte_tokenizer(), ids) == ["n", "é", "", "猫", "", ""]


@settings(deadline=None)
@given(st.one_of(st.just(JAPANESE), st.text(max_size=60)))
def test_spans_tile_the_tokens_and_their_texts_are_the_text(text: str) -> None:
    for tokenizer in (byte_tokenizer(), SMALL):
        ids = tokenizer.encode(text)
        found = spans(tokenizer, ids)
        assert [place for first, end, _ in found for place in range(first, end)] == list(range(len(ids)))
        assert "".join(part for _, _, part in found) == text
        assert "".join(in_order(tokenizer, ids)) == text
        assert len(in_order(tokenizer, ids)) == len(ids)


@settings(deadline=None)
@given(st.one_of(st.just(JAPANESE), st.text(max_size=60)))
def test_tokens_for_display_are_put_together_as_their_bytes_are(text: str) -> None:
    for tokenizer in (byte_tokenizer(), SMALL):
        ids = [tokenizer.eot, *tokenizer.encode(text)]
        assert together(map(tokenizer.token, ids)) == in_order(tokenizer, ids)


def test_what_only_looks_like_bytes_is_text() -> None:
    texts = ["<41>", "<E7>", "<E7 8C AB>", "<8C>", "<E7>", "<8C AB>", "", "<g0>", "\ud800"]
    assert together(texts) == ["<41>", "<E7>", "<E7 8C AB>", "<8C>", "猫", "", "", "<g0>", "<ED A0 80>"]


def test_bytes_that_form_no_character_are_shown_alone_and_hide_nothing_beside_them() -> None:
    broken = [0xE2, 0x96, 97, 0xFF, 0x80, *"猫".encode(), 0xE2, 256]
    shown = [text for _, _, text in spans(byte_tokenizer(), broken)]
    assert shown == ["<E2>", "<96>", "a", "<FF>", "<80>", "猫", "<E2>", "<|endoftext|>"]
    assert [text for _, _, text in spans(byte_tokenizer(), [97, 0xE2, 0x96])] == ["a", "<E2 96>"]
    assert spans(byte_tokenizer(), []) == []


def test_a_tokenizer_that_is_not_byte_level_keeps_its_blanks_and_its_bytes() -> None:
    tokenizer = llama()
    ids = tokenizer.encode("the cat 猫 sat")
    assert tokenizer.kind == "other"
    assert tokenizer.decode(ids) == "the cat 猫 sat"
    found = spans(tokenizer, ids)
    assert "".join(text for _, _, text in found) == "the cat 猫 sat"
    assert [end - first for first, end, text in found if text == "猫"] == [3]
    assert tokenizer.token_bytes(ids[-1]) != b""


def test_lone_bytes_without_end_take_time_in_proportion() -> None:
    found = spans(byte_tokenizer(), [0x80] * 200_000)
    assert len(found) == 200_000


def test_a_beginning_is_cut_where_a_character_ends() -> None:
    ids = byte_tokenizer().encode("né猫")
    cut = [len(whole_characters(byte_tokenizer(), ids[:n])) for n in range(len(ids) + 1)]
    assert cut == [0, 1, 1, 3, 3, 3, 6]
    assert whole_characters(byte_tokenizer(), [97, 0xFF, 98, 0xE2]) == [97, 0xFF, 98]
