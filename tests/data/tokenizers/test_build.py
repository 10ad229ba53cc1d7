import os
import random
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

from glassworks.core.ends import EOT
from glassworks.core.errors import FileDamaged
from glassworks.data.tokenizers.build import (
    LONGEST_WORD,
    PATTERN,
    Tokenizer,
    byte_tokenizer,
    char_tokenizer,
    gpt2_tokenizer,
    load_tokenizer,
    parted,
    train_bpe,
)

DATA = Path(__file__).parents[4] / "shared" / "data"
ENCODER, MERGES = DATA / "gpt2_encoder.json", DATA / "gpt2_vocab.bpe"
needs_gpt2 = pytest.mark.skipif(not ENCODER.exists(), reason=f"GPT-2's vocabulary files are not in {DATA}")

TRICKY = [
    "",
    " ",
    "  two  spaces \n\n\t tabs\r\n",
    "Don't you'LL they'Ve I'M it's '’s",
    "1234567890 3.14159 ٣٤٥ ½ Ⅷ",
    "naïve café Ångström ﬁ ﬀ é ẛ̣",
    "日本語のテキスト 한국어 ไทย العربية עברית हिन्दी",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇳 👍🏽",
    "\u00a0\u2003\u200b\u3000\ufeff\u0085\u180e\u2028\u2029\x1c\x1f",
    "\x00\x01\x7f\x80\x9f\U0010ffff\ue000",
    "def f(x):\n    return x  # comment\n\n\n",
    f"a {EOT} b <|im_start|></s>",
    "a" * 300 + " " * 300 + "!" * 300,
]
TEXT = st.one_of(st.sampled_from(TRICKY), st.text(max_size=80), st.text("ab '\n\té1٣Ω<|>", max_size=80))
ALPHABET = {chr(i) for i in range(0x110000) if (i < 0x600 or i % 13 == 0) and not 0xD800 <= i < 0xE000}
"""Characters of all planes, more than 2^16 of them: all would take as long as the rest of these tests."""
PIECES = pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated")
KINDS = ["bytes", "chars", "bpe", "gpt2"]


@cache
def make(kind: str) -> Tokenizer:
    if kind == "bytes":
        return byte_tokenizer()
    if kind == "chars":
        return char_tokenizer(["".join(ALPHABET), *TRICKY])
    if kind == "bpe":
        return train_bpe([*TRICKY, Path(__file__).read_text(encoding="utf-8")], 400)
    if not ENCODER.exists():
        pytest.skip(f"GPT-2's vocabulary files are not in {DATA}")
    return gpt2_tokenizer(ENCODER, MERGES)


def known(kind: str, text: str) -> str:
    """A text's characters that such a tokenizer has: all, but for one of characters."""
    return text if kind != "chars" or text in TRICKY else "".join(c for c in text if c in ALPHABET)


def stranger(end: str | None) -> tokenizers.Tokenizer:
    """A tokenizer in the way of Llama 2: not byte-level, with byte fallback, truncation and a template."""
    words = ["▁he", "llo", "▁", "é", "h", "e", "l", "o"]
    vocabulary = {w: i for i, w in enumerate(["<unk>", *(f"<0x{b:02X}>" for b in range(256)), *words])}
    inner = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    inner.add_special_tokens(["<s>", *([end] if end else [])])
    inner.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 265)])
    inner.enable_truncation(2)
    inner.enable_padding(length=50)
    return inner


@pytest.mark.parametrize("kind", ["bytes", "bpe", "gpt2"])
def test_transformers_opens_the_file_and_gives_the_same_ids(kind: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = make(kind)
    tokenizer.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert len(theirs) == tokenizer.vocab_size
    assert theirs.convert_tokens_to_ids(EOT) == tokenizer.eot
    for text in TRICKY:
        ids = theirs.encode(text, add_special_tokens=False, split_special_tokens=True)
        assert ids == tokenizer.encode(text)
        assert theirs.decode(ids, clean_up_tokenization_spaces=False) == text


def test_transformers_opens_a_character_tokenizer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = char_tokenizer(TRICKY)
    tokenizer.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in TRICKY:
        ids = theirs.encode(text, add_special_tokens=False, split_special_tokens=True)
        assert ids == tokenizer.encode(text)
        assert theirs.decode(ids, clean_up_tokenization_spaces=False) == text


@needs_gpt2
@settings(deadline=None)
@given(text=TEXT)
def test_gpt2_gives_the_ids_of_tiktoken(text: str) -> None:
    assert make("gpt2").encode(text) == tiktoken_gpt2().encode_ordinary(text)


@cache
def tiktoken_gpt2():  # type: ignore[no-untyped-def]
    tiktoken = pytest.importorskip("tiktoken")
    load = pytest.importorskip("tiktoken.load")
    ranks = load.data_gym_to_mergeable_bpe_ranks(str(MERGES), str(ENCODER))
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    return tiktoken.Encoding("gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={EOT: 50256})


@needs_gpt2
def test_gpt2_has_its_published_ids() -> None:
    tokenizer = make("gpt2")
    assert (tokenizer.vocab_size, tokenizer.eot) == (50257, 50256)
    assert tokenizer.encode("Hello world") == [15496, 995]


def test_ids_of_bytes_are_the_bytes_and_ids_of_characters_are_in_order() -> None:
    assert byte_tokenizer().encode("a é") == [97, 32, 0xC3, 0xA9]
    assert (byte_tokenizer().vocab_size, byte_tokenizer().eot, byte_tokenizer().kind) == (257, 256, "bytes")
    tokenizer = char_tokenizer(["hello", "é"])
    assert (tokenizer.vocab_size, tokenizer.eot, tokenizer.kind) == (6, 5, "chars")
    assert tokenizer.encode("ehloé") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["bytes", "bpe", "gpt2"])
def test_saving_and_loading_changes_nothing(kind: str, tmp_path: Path) -> None:
    tokenizer = make(kind)
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load_tokenizer(tmp_path)
    assert (again.digest, again.kind, again.eot) == (tokenizer.digest, tokenizer.kind, tokenizer.eot)
    assert [again.encode(t) for t in TRICKY] == [tokenizer.encode(t) for t in TRICKY]


def test_a_bare_text_is_one_text() -> None:
    assert train_bpe("banana banana", 260).digest == train_bpe(["banana banana"], 260).digest
    assert train_bpe("banana banana", 260).digest != train_bpe(list("banana banana"), 260).digest
    assert char_tokenizer("text").digest == char_tokenizer(["text"]).digest
    assert [ids.tolist() for ids in make("bytes").encode_documents("ab")] == [[97, 98]]


# ----------------------------------------------------------------------------------------------------------------------
# BPE


@pytest.mark.parametrize("run", ["letters", "spaces", "signs"])
def test_endless_words_are_learned_from_in_parts(run: str) -> None:
    words = {"letters": "acgt", "spaces": " \t", "signs": "+-_*"}[run]
    text = "start " + "".join(random.Random(0).choices(words, k=9 * LONGEST_WORD)) + " end. "
    parts = list(parted([text, "short", ""]))
    assert "".join(parts) == text + "short"
    longest = max(len(piece) for part in parts for piece, _ in PIECES.pre_tokenize_str(part))
    assert longest <= LONGEST_WORD + 1
    tokenizer = train_bpe([text], 300)
    assert tokenizer.vocab_size == 300
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_texts_without_endless_words_are_learned_from_as_they_are() -> None:
    texts = [*TRICKY, "a" * (LONGEST_WORD - 1), "日本語、" * 900, "x" * 1000 + "1" + "y" * 1000]
    assert list(parted(texts)) == texts


def test_bpe_has_the_size_asked_for_and_splits_long_numbers() -> None:
    tokenizer = make("bpe")
    assert (tokenizer.vocab_size, tokenizer.eot) == (400, 399)
    assert all(sum(chr(b).isdecimal() for b in tokenizer.token_bytes(i)) <= 2 for i in range(tokenizer.vocab_size))
    assert train_bpe(["ab"], 1000).vocab_size == 258  # the bytes, "ab" and the end of text: there is no more
    with pytest.raises(ValueError, match=r"vocab_size \(=256\) must be at least 257"):
        train_bpe(["ab"], 256)


def test_bpe_is_the_same_on_one_core_and_on_many() -> None:
    code = (
        "import pathlib, sysconfig; from glassworks.data.tokenizers.build import train_bpe\n"
        "folder = pathlib.Path(sysconfig.get_paths()['stdlib']) / 'json'\n"
        "print(train_bpe((p.read_text() for p in sorted(folder.glob('*.py'))), 1000).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"TOKENIZERS_PARALLELISM": parallel, "RAYON_NUM_THREADS": threads},
            check=True, capture_output=True, text=True,
        ).stdout
        for parallel, threads in (("false", "1"), ("true", "2"), ("true", "5"))
    }  # fmt: skip
    assert len(digests) == 1


# ----------------------------------------------------------------------------------------------------------------------
# Other people's files


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"no tokenizer at {tmp_path}/tokenizer.json"):
        load_tokenizer(tmp_path)


def test_files_with_a_byte_order_mark_open(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(b"\xef\xbb\xbf" + make("bpe").json.encode())
    assert load_tokenizer(tmp_path).digest == make("bpe").digest


def test_a_damaged_tokenizer_is_named_whatever_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    whole = make("bpe").json.encode()
    for content in (b"", b"{}", b"[]", b"null", b"\x80\x04\x95", whole[:-50], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(FileDamaged, match=r"tokenizer\.json"):
            load_tokenizer(path)
    generator = random.Random(0)
    for _ in range(200):  # an altered byte is either noticed or harmless; it never ends the process
        altered = bytearray(whole)
        altered[generator.randrange(len(altered))] = generator.randrange(256)
        path.write_bytes(bytes(altered))
        with suppress(FileDamaged, ValueError):
            load_tokenizer(path).encode("text")


@needs_gpt2
def test_damaged_gpt2_files_are_named(tmp_path: Path) -> None:
    encoder, merges = tmp_path / "encoder.json", tmp_path / "vocab.bpe"
    encoder.write_bytes(ENCODER.read_bytes()[:1000])
    merges.write_bytes(MERGES.read_bytes())
    with pytest.raises(FileDamaged, match=r"encoder\.json"):
        gpt2_tokenizer(encoder, merges)
    encoder.write_text('{"a": 0}', encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"not a pair"):
        gpt2_tokenizer(encoder, merges)
