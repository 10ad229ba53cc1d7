"""A row's tokens become the text that they would be behind the prompt."""

from collections.abc import Callable

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

from glassworks.data.tokenizers import Tokenizer, byte_tokenizer, char_tokenizer, train_bpe
from glassworks.models.text import Text

CORPUS = ["the cat sat on the mat, it's a cat! don't", "the é cat", "a bat sat in the hat"] * 9


def metaspace() -> Tokenizer:
    raw = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return trained(raw, trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>", "</s>"], show_progress=False))


def llama() -> Tokenizer:
    """Llama 2's: blanks and bytes of unknown characters are spelled out, and the first blank of all is dropped."""
    specials = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    raw = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    raw.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    raw.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=330, special_tokens=specials, show_progress=False))
    vocabulary = raw.get_vocab()  # the bytes' names are special only to the trainer
    fresh = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    fresh.normalizer, fresh.decoder = raw.normalizer, raw.decoder
    return Tokenizer(fresh)


def word_piece() -> Tokenizer:
    raw = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    return trained(
        raw, trainers.WordPieceTrainer(vocab_size=40, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    )


def trained(raw: tokenizers.Tokenizer, trainer: object) -> Tokenizer:
    raw.train_from_iterator(CORPUS, trainer)
    return Tokenizer(raw)


MAKE: dict[str, Callable[[], Tokenizer]] = {
    "metaspace": metaspace,
    "llama": llama,
    "word pieces": word_piece,
    "bytes": byte_tokenizer,
    "characters": lambda: char_tokenizer(CORPUS),
    "bpe": lambda: train_bpe(CORPUS, 300),
}


def pieces(tokenizer: Tokenizer, prompt: list[int], ids: list[int], stop: tuple[str, ...] = ()) -> list[str]:
    text, out = Text(tokenizer, stop, prompt), []
    for id in ids:
        last = text.push(id)
        out.append(text.take())
        if last:
            break
    return [*out, text.finish()]


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("whole", ["the cat sat", "the cat sat on the mat", "the \u00e9 cat", "a bat in the hat"])
def test_prompt_and_continuation_join_to_the_whole(kind: str, whole: str) -> None:
    """Wherever the tokens are cut."""
    tokenizer = MAKE[kind]()
    ids = tokenizer.encode(whole)
    assert tokenizer.decode(ids) == whole
    for cut in range(len(ids) + 1):
        before = tokenizer.decode(ids[:cut])
        if before.endswith("\ufffd"):
            continue  # a prompt is a text
        assert before + "".join(pieces(tokenizer, ids[:cut], ids[cut:])) == whole


@pytest.mark.parametrize("kind", ["metaspace", "llama", "word pieces"])
def test_a_continuation_keeps_its_first_blank_and_stops_see_it(kind: str) -> None:
    tokenizer = MAKE[kind]()
    prompt = tokenizer.encode("the cat")
    ids = tokenizer.encode("the cat sat on")[len(prompt) :]
    assert "".join(pieces(tokenizer, prompt, ids)) == " sat on"
    assert "".join(pieces(tokenizer, prompt, ids, (" sat",))) == ""
    assert "".join(pieces(tokenizer, prompt, ids, (" on",))) == " sat"
    assert "".join(pieces(tokenizer, [], tokenizer.encode("the cat"))) == "the cat"  # where nothing stands before


def test_bytes_that_form_no_character_come_as_soon_as_they_are_certain() -> None:
    """And each is decoded a few times only, however many there are."""
    tokenizer, lengths = byte_tokenizer(), []

    class Counting:
        eot = tokenizer.eot
        encode = staticmethod(tokenizer.encode)

        def decode(self, ids: list[int]) -> str:
            lengths.append(len(ids))
            return tokenizer.decode(ids)

    wrong = [0x80] * 500
    out = pieces(Counting(), [], wrong)
    assert "".join(out) == "\ufffd" * 500
    assert max(lengths) < 10
    assert sum(map(bool, out)) > 490
    mixed = [0x80, 0x80, *"\U0001f642".encode(), 0xF0, 0x9F, *b"abc", 0xF0, 0x9F, 0x98]
    assert "".join(pieces(tokenizer, [], mixed)) == bytes(mixed).decode(errors="replace")


def test_added_tokens_are_spelled_out_and_blanks_around_them_stay() -> None:
    tokenizer = metaspace()
    tokenizer.inner.add_tokens([AddedToken("<tool>", special=True)])
    (tool,) = [tokenizer.inner.token_to_id("<tool>")]
    ids = [*tokenizer.encode("the cat"), tool, *tokenizer.encode("sat")]
    assert "".join(pieces(tokenizer, ids[:3], ids[3:])) == tokenizer.decode(ids)[len(tokenizer.decode(ids[:3])) :]
