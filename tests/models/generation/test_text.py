"""A row's tokens become the text that they would be behind the prompt."""

from collections.abc import Callable
from random import Random

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

from glassworks.data.tokenizers.build import Tokenizer, byte_tokenizer, char_tokenizer, train_bpe
from glassworks.models.generation.text import Text

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
    assert max(lengths) < 20
    assert sum(map(bool, out)) > 490
    mixed = [0x80, 0x80, *"\U0001f642".encode(), 0xF0, 0x9F, *b"abc", 0xF0, 0x9F, 0x98]
    assert "".join(pieces(tokenizer, [], mixed)) == bytes(mixed).decode(errors="replace")


def broken_bpe() -> Tokenizer:
    """Byte-level, with tokens that end one character and begin another, and a special one."""
    found = train_bpe(["\U0001f642\U0001f600é€" * 9, "a\xe9\xe9b"], 270)
    found.inner.add_special_tokens(["<tool>"])
    return Tokenizer(found.inner)


@pytest.mark.parametrize("make", [byte_tokenizer, broken_bpe, lambda: train_bpe(CORPUS, 300), llama, metaspace])
def test_random_tokens_are_the_text_of_them_all(make: Callable[[], Tokenizer]) -> None:
    """Bytes of any kind, mixed with text, behind a prompt and without; each is decoded a few times only."""
    tokenizer, random = Counting(make()), Random(7)
    inner = tokenizer.inner
    parts = ["é", "\U0001f642", "\ufffd", "a", " the", "€"]
    single = [id for id in range(inner.vocab_size) if len(inner.bytes_of.get(id, b"")) == 1 and id not in inner.ends]
    every = [id for id in range(inner.vocab_size) if id not in inner.ends]
    for _ in range(600):
        ids: list[int] = []
        for _ in range(random.randrange(12)):
            some = random.choice([single or every, every, None])
            ids += inner.encode(random.choice(parts)) if some is None else random.choices(some, k=random.randrange(4))
        out = "".join(pieces(tokenizer, [], ids))
        assert out == inner.decode(ids), ids
        prompt = inner.encode("the cat")
        assert inner.decode(prompt) + "".join(pieces(tokenizer, prompt, ids)) == inner.decode(prompt + ids), ids
    tokenizer.decoded = 0
    ids = random.choices(single or every, k=3000)
    assert "".join(pieces(tokenizer, [], ids)) == inner.decode(ids)
    assert tokenizer.decoded < 20 * len(ids)


class Counting:
    """A tokenizer that counts the tokens it decodes."""

    def __init__(self, inner: Tokenizer) -> None:
        self.inner, self.decoded = inner, 0
        self.eot, self.encode, self.fallback = inner.eot, inner.encode, inner.fallback

    def decode(self, ids: list[int]) -> str:
        self.decoded += len(ids)
        return self.inner.decode(ids)


def test_bytes_that_are_no_text_break_their_whole_run_as_long_as_it_is_held() -> None:
    tokenizer = llama()
    byte = {raw[0]: id for id, raw in tokenizer.bytes_of.items()}

    def written(raw: bytes, prompt: bytes = b"") -> str:
        return "".join(pieces(tokenizer, [byte[b] for b in prompt], [byte[b] for b in raw]))

    assert written(b"\xc3\xa9\xff") == "\ufffd" * 3
    face = "\U0001f642".encode()
    assert written(face * 100) == "\U0001f642" * 100
    assert written(b"a" + face * 100) == "a" + "\U0001f642" * 100
    assert written(face * 100 + b"\xff") == "\U0001f642" * 96 + "\ufffd" * 17  # those after the last 64 that were held
    assert written(b"\xff" + face * 100) == "\ufffd" * 401
    assert written(face * 30, face * 30) == "\U0001f642" * 30
    assert written(face[2:], b"\xff" + face[:2]) == "\ufffd" * 2
    assert written(face[2:], face[:2]) == "\U0001f642"  # a character begun by the prompt
    out = pieces(tokenizer, [], [byte[b] for b in face * 100])
    assert sum(map(bool, out)) >= 6


def test_added_tokens_are_spelled_out_and_blanks_around_them_stay() -> None:
    tokenizer = metaspace()
    tokenizer.inner.add_tokens([AddedToken("<tool>", special=True)])
    (tool,) = [tokenizer.inner.token_to_id("<tool>")]
    ids = [*tokenizer.encode("the cat"), tool, *tokenizer.encode("sat")]
    assert "".join(pieces(tokenizer, ids[:3], ids[3:])) == tokenizer.decode(ids)[len(tokenizer.decode(ids[:3])) :]
