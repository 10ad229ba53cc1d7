import base64
import doctest
import hashlib
import random
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.core.errors import FileDamaged
from glassworks.micro import bpe
from glassworks.micro.bpe import (
    BasicTokenizer,
    GPT4Tokenizer,
    RegexTokenizer,
    Tokenizer,
)
from glassworks.micro.patterns import GPT2_SPLIT_PATTERN, GPT4_SPLIT_PATTERN, splitter

DATA = Path(__file__).parents[3] / "shared" / "data"
SHAKESPEARE = DATA / "tinyshakespeare.txt"
ENCODER, MERGES = DATA / "gpt2_encoder.json", DATA / "gpt2_vocab.bpe"

EOT, FIM = "<|endoftext|>", "<|fim prefix|>"
TRICKY = [
    "",
    "?",
    "hello world!!!? (안녕하세요!) lol123 😉",
    "Don't you'LL they'Ve I'M it's '’s 'ſ 'ſ",
    " \n\n\t tabs\r\n\r\n  end   ",
    "1234567890 3.14159 ٣٤٥ ½ Ⅷ",
    "naïve café Ångström ﬁ é ẛ̣ 日本語のテキスト ไทย العربية हिन्दी",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 \U0001e4d0\U00011bf3 \U000323af\ua7cb",  # the last: newer than Unicode 14
    "\u00a0\u2003\u200b\u3000\ufeff\u0085\u180e\u2028\x1c\x1f\x00\x7f\xff\U0010ffff\ue000",
    f"a {EOT}{FIM}b <|fim",
    "a" * 300 + " " * 300 + "!" * 300,
]
PATTERNS = [GPT4_SPLIT_PATTERN, GPT2_SPLIT_PATTERN, r"\w+|\W+"]
FEW = st.text("ab ", max_size=40)  # many ties, many overlaps
TEXT = st.one_of(st.sampled_from(TRICKY), FEW, st.text(max_size=60), st.text("ab '\r\n\té1٣Ω<|>s", max_size=60))
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])  # the package regex knows characters newer than Unicode 16
CORPUS = "\n".join(TRICKY) + Path(__file__).read_text(encoding="utf-8")[:6000]


# ----------------------------------------------------------------------------------------------------------------------
# The definition, read off literally: count everything again for every merge


def slow_replace(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    while ids:
        found = tuple(ids[:2]) == pair
        out.append(new if found else ids[0])
        ids = ids[2:] if found else ids[1:]
    return out


def slow_counts(chunks: list[list[int]]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for ids in chunks:
        for i in range(len(ids) - 1):
            counts[ids[i], ids[i + 1]] = counts.get((ids[i], ids[i + 1]), 0) + 1
    return counts


def slow_train(texts: list[str], num_merges: int) -> dict[tuple[int, int], int]:
    chunks = [list(text.encode()) for text in texts]
    merges: dict[tuple[int, int], int] = {}
    while len(merges) < num_merges and (counts := slow_counts(chunks)):
        pair = max(counts, key=lambda p: counts[p])  # the first of the most frequent
        merges[pair] = 256 + len(merges)
        chunks = [slow_replace(ids, pair, merges[pair]) for ids in chunks]
    return merges


def slow_encode(text: str, merges: dict[tuple[int, int], int]) -> list[int]:
    ids = list(text.encode())
    while pairs := [pair for pair in slow_counts([ids]) if pair in merges]:
        pair = min(pairs, key=lambda p: merges[p])
        ids = slow_replace(ids, pair, merges[pair])
    return ids


@settings(deadline=None)
@given(text=TEXT, other=TEXT, num_merges=st.integers(0, 30))
def test_without_a_pattern_merges_and_ids_follow_the_definition(text: str, other: str, num_merges: int) -> None:
    text = text[:120]
    tokenizer = BasicTokenizer()
    tokenizer.train(text, 256 + num_merges)
    assert list(tokenizer.merges.items()) == list(slow_train([text], num_merges).items())
    for one in (text, other):
        assert tokenizer.encode(one) == slow_encode(one, tokenizer.merges)
        assert tokenizer.decode(tokenizer.encode(one)) == one


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None)
@given(text=TEXT, other=TEXT, num_merges=st.integers(0, 30))
def test_with_a_pattern_merges_and_ids_follow_the_definition(
    pattern: str, text: str, other: str, num_merges: int
) -> None:
    text = text[:120] + other[:30]
    tokenizer = RegexTokenizer(pattern)
    tokenizer.train(text, 256 + num_merges)
    assert list(tokenizer.merges.items()) == list(slow_train(tokenizer.split(text), num_merges).items())
    for one in (text, other):
        assert tokenizer.encode(one) == [
            i for chunk in tokenizer.split(one) for i in slow_encode(chunk, tokenizer.merges)
        ]
        assert tokenizer.decode(tokenizer.encode(one)) == one


def test_the_textbook_example_and_every_other_in_the_docstrings() -> None:
    assert doctest.testmod(bpe).attempted >= 6
    assert doctest.testmod(bpe).failed == 0


def test_a_frequent_pair_is_counted_in_every_copy_of_a_chunk() -> None:
    tokenizer = RegexTokenizer()
    tokenizer.train("xy cd cd cd xy", 257)
    assert tokenizer.merges == {(ord(" "), ord("c")): 256}


@pytest.mark.parametrize(
    ("make", "digest"),
    [
        (BasicTokenizer, "edc7f0fa95c61d0406daab8e072e68744a411606b2d1b85cb10a750a9ec81b9d"),
        (RegexTokenizer, "8473a9767db94224fe1f6d3587625023f557c6271143e515761e90fc3e7483dc"),
    ],
)
def test_the_model_file_of_tiny_shakespeare_is_minbpes_to_the_byte(
    make: Callable[[], Tokenizer], digest: str, tmp_path: Path
) -> None:
    if not SHAKESPEARE.exists():
        pytest.skip(f"tiny Shakespeare is not in {DATA}")
    tokenizer = make()
    tokenizer.train(SHAKESPEARE.read_text(encoding="utf-8"), 512)
    tokenizer.save(tmp_path / "t")
    assert hashlib.sha256((tmp_path / "t.model").read_bytes()).hexdigest() == digest


@pytest.mark.peer
@pytest.mark.parametrize("name", ["BasicTokenizer", "RegexTokenizer"])
def test_minbpe_gives_the_same_merges_and_ids_and_opens_the_file(name: str, tmp_path: Path) -> None:
    theirs = getattr(pytest.importorskip("minbpe"), name)()
    ours = getattr(bpe, name)()
    theirs.train(CORPUS, 400)
    ours.train(CORPUS, 400)
    assert list(ours.merges.items()) == list(theirs.merges.items())
    ours.save(tmp_path / "ours")
    theirs.save(str(tmp_path / "theirs"))
    for suffix in ("model", "vocab"):
        assert (tmp_path / f"ours.{suffix}").read_bytes() == (tmp_path / f"theirs.{suffix}").read_bytes()
    theirs.load(str(tmp_path / "ours.model"))
    for text in TRICKY:
        assert ours.encode(text) == theirs.encode(text)


# ----------------------------------------------------------------------------------------------------------------------
# Beside tiktoken and regex


@cache
def shuffled() -> Any:
    """An encoding of tiktoken whose bytes have shuffled ids, as GPT-4's have."""
    tiktoken = pytest.importorskip("tiktoken")
    tokenizer = RegexTokenizer()
    tokenizer.train(CORPUS, 600)
    ranks = {token: id for id, token in tokenizer.vocab.items() if id >= 256}
    ranks |= {bytes([byte]): id for byte, id in enumerate(random.Random(0).sample(range(256), 256))}
    special = {EOT: 1000, FIM: 1001, "<|x|>": 1002}
    return tiktoken.Encoding("own", pat_str=GPT4_SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens=special)


@cache
def from_shuffled() -> GPT4Tokenizer:
    return GPT4Tokenizer(shuffled())


@settings(deadline=None, max_examples=300)
@given(text=TEXT)
def test_an_encoding_of_tiktoken_gives_its_ids_on_any_text(text: str) -> None:
    ids = shuffled().encode_ordinary(text)
    assert from_shuffled().encode_ordinary(text) == ids
    assert from_shuffled().decode(ids) == text


@pytest.mark.parametrize("allowed", ["all", {EOT}, {FIM, "<|x|>"}, set()])
@pytest.mark.parametrize("disallowed", ["all", (), {FIM}])
def test_special_tokens_are_allowed_and_refused_as_in_tiktoken(allowed: Any, disallowed: Any) -> None:
    texts = [f"a{EOT}b {FIM}", f"{EOT}\n{EOT}", f"  {FIM}  ", "plain <| text"]
    for text in texts:
        try:
            theirs = shuffled().encode(text, allowed_special=allowed, disallowed_special=disallowed)
        except ValueError:
            with pytest.raises(ValueError, match="text holds the special token"):
                from_shuffled().encode(text, allowed, disallowed)
        else:
            assert from_shuffled().encode(text, allowed, disallowed) == theirs
            assert from_shuffled().decode(theirs) == text


@pytest.mark.parametrize("escape", [r"\p{L}", r"\p{N}", r"\p{M}", r"\p{Lu}", r"\P{L}", r"[^\p{N}]", r"\s", r"[\S]"])
def test_a_class_holds_the_characters_that_tiktoken_means(escape: str) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    codes = [*range(0x40000), *range(0x40000, 0xE0000, 97), *range(0xE0000, 0x110000)]  # between there are none yet
    every = "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
    one_byte = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=escape, mergeable_ranks=one_byte, special_tokens={})
    assert "".join(splitter(escape, ascii=False).findall(every)) == bytes(encoding.encode_ordinary(every)).decode()


@pytest.mark.parametrize("pattern", PATTERNS[:2])
@settings(deadline=None, max_examples=300)
@given(text=st.one_of(st.sampled_from(TRICKY), FEW, st.text(ASSIGNED, max_size=60)))
def test_chunks_are_those_of_the_package_regex(pattern: str, text: str) -> None:
    regex = pytest.importorskip("regex")
    assert RegexTokenizer(pattern).split(text) == regex.findall(pattern, text)
    assert "".join(RegexTokenizer(pattern).split(text)) == text


@cache
def gpt2() -> tuple[Any, GPT4Tokenizer]:
    if not ENCODER.exists():
        pytest.skip(f"GPT-2's vocabulary files are not in {DATA}")
    load = pytest.importorskip("tiktoken.load")
    ranks = load.data_gym_to_mergeable_bpe_ranks(str(MERGES), str(ENCODER))
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    encoding = pytest.importorskip("tiktoken").Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={EOT: 50256}
    )
    return encoding, GPT4Tokenizer(encoding)


def test_gpt2s_merges_are_recovered_in_their_published_order() -> None:
    _, tokenizer = gpt2()
    lines = MERGES.read_text(encoding="utf-8").splitlines()[1:]
    assert len(tokenizer.merges) == len(lines) == 50_000
    letters = {a + b for a, b in (line.split(" ") for line in lines[:2000])}
    tokens = {
        tokenizer.vocab[id].decode().replace(" ", "Ġ") for id in range(256, 2256) if tokenizer.vocab[id].isascii()
    }
    assert tokens - letters <= {token for token in tokens if "\n" in token}
    assert tokenizer.encode("Hello world") == [15496, 995]


@settings(deadline=None)
@given(text=TEXT)
def test_gpt2s_vocabulary_gives_the_ids_of_tiktoken(text: str) -> None:
    encoding, tokenizer = gpt2()
    assert tokenizer.encode(text, "all") == encoding.encode(text, allowed_special="all")


def test_gpt2s_vocabulary_gives_the_ids_of_tiktoken_around_characters_of_all_planes() -> None:
    encoding, tokenizer = gpt2()
    codes = [code for code in range(0, 0x110000, 37) if not 0xD800 <= code < 0xE000]
    text = "".join(f"a{c}1 {c}\n{c}{c}" for c in map(chr, codes))
    assert tokenizer.encode(text) == encoding.encode(text)


# ----------------------------------------------------------------------------------------------------------------------
# Special tokens, files


def trained(special: dict[str, int] | None = None) -> RegexTokenizer:
    tokenizer = RegexTokenizer()
    tokenizer.train(CORPUS, 300)
    tokenizer.register_special_tokens({EOT: 300, FIM: 301} if special is None else special)
    return tokenizer


def test_special_tokens_in_a_text_are_refused_unless_one_says_what_they_are() -> None:
    tokenizer = trained()
    text = f"one{EOT}two{FIM}"
    with pytest.raises(ValueError, match=re.escape(EOT) + "|" + re.escape(FIM)):
        tokenizer.encode(text)
    assert [id for id in tokenizer.encode(text, "all") if id >= 300] == [300, 301]
    assert [id for id in tokenizer.encode(text, {FIM}) if id >= 300] == [301]
    assert tokenizer.encode(text, "none") == tokenizer.encode_ordinary(text) == tokenizer.encode(text, set())
    with pytest.raises(ValueError, match=re.escape(EOT)):
        tokenizer.encode(text, {FIM}, "all")
    for choice in ("all", "none", {EOT}):
        assert tokenizer.decode(tokenizer.encode(text, choice)) == text
    for wrong in ("some", EOT):
        with pytest.raises(ValueError, match="allowed_special"):
            tokenizer.encode(text, wrong)


def test_of_two_special_tokens_at_one_place_the_longer_wins() -> None:
    tokenizer = trained({"<a>": 500, "<a><b>": 501})
    assert tokenizer.encode("<a><b><a>", "all") == [501, 500]


@pytest.mark.parametrize(
    "special", [{"": 300}, {"x": 299}, {"x": -1}, {"x": "300"}, {"x": 300, "y": 300}, {"\ud800": 300}]
)
def test_special_tokens_need_a_text_and_an_id_of_their_own(special: dict[str, Any]) -> None:
    tokenizer = trained()
    with pytest.raises(ValueError, match="special token|surrogate"):
        tokenizer.register_special_tokens(special)
    assert tokenizer.special_tokens == {EOT: 300, FIM: 301}
    with pytest.raises(ValueError, match="must have a text, and an id that no other token has"):
        tokenizer.train(CORPUS, 301)
    assert len(tokenizer.merges) == 44


def state(tokenizer: Tokenizer) -> tuple[Any, ...]:
    return tokenizer.pattern, tokenizer.special_tokens, list(tokenizer.merges.items()), tokenizer.vocab


@pytest.mark.parametrize("kind", ["basic", "own pattern", "special", "shuffled bytes"])
def test_a_saved_tokenizer_comes_back(kind: str, tmp_path: Path) -> None:
    makers: dict[str, Callable[[], Tokenizer]] = {
        "basic": BasicTokenizer,
        "own pattern": lambda: RegexTokenizer(r"  |\p{Lu}\P{Lu}*|\S+|\s "),
        "special": trained,
        "shuffled bytes": from_shuffled,
    }
    tokenizer = makers[kind]()
    if kind in ("basic", "own pattern"):
        tokenizer.train(CORPUS, 280)
    tokenizer.save(tmp_path / "folder" / "t")
    loaded = BasicTokenizer()
    loaded.load(tmp_path / "folder" / "t.model")
    assert state(loaded) == state(tokenizer)
    (tmp_path / "marked.model").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "folder" / "t.model").read_bytes())
    loaded.load(tmp_path / "marked.model")
    assert state(loaded) == state(tokenizer)
    for text in TRICKY:
        assert loaded.encode(text, "all") == tokenizer.encode(text, "all")
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == ["t.model", "t.vocab"]
    assert len((tmp_path / "folder" / "t.vocab").read_text(encoding="utf-8").split("\n")) == len(tokenizer.vocab) + 1


def test_a_file_of_minbpes_opens(tmp_path: Path) -> None:
    file = tmp_path / "theirs.model"
    file.write_text(f"minbpe v1\n{GPT2_SPLIT_PATTERN}\n1\n{EOT} 100257\n97 97\n256 98\n", encoding="utf-8")
    tokenizer = RegexTokenizer()
    tokenizer.load(file)
    assert tokenizer.encode(f"aab aab{EOT}", "all") == [257, 32, 257, 100257]
    assert tokenizer.decode([257, 100257]) == f"aab{EOT}"


DAMAGED = {
    "empty": b"",
    "another format": b"\x80\x04\x95not text",
    "another version": b"minbpe v2\n\n0\n",
    "only a head": b"minbpe v1\n",
    "no count": b"minbpe v1\n\nx\n",
    "negative count": b"minbpe v1\n\n-1\n97 97\n97 98\n",
    "special token cut off": b"minbpe v1\n\n2\n<a> 500\n",
    "special token twice": b"minbpe v1\n\n2\n<a> 500\n<a> 501\n",
    "special token on a merge": b"minbpe v1\n\n1\n<a> 256\n97 97\n",
    "last line cut off": b"minbpe v1\n\n0\n97 97\n256 9",
    "half a merge": b"minbpe v1\n\n0\n97\n",
    "token of the future": b"minbpe v1\n\n0\n97 256\n",
    "negative id": b"minbpe v1\n\n0\n97 -1\n",
    "merge twice": b"minbpe v1\n\n0\n97 97\n97 97\n",
    "no pattern": b"minbpe v1\n(\n0\n",
    "pattern that captures": b"minbpe v1\n(a)\n0\n",
    "bytes missing": b"minbpe v1 bytes 1 2 3\n\n0\n",
    "bytes beyond": b"minbpe v1 bytes " + b"9" * 30 + b"\n\n0\n",
    "doubling": b"minbpe v1\n\n0\n97 97\n" + b"".join(b"%d %d\n" % (i, i) for i in range(256, 300)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_refused_in_one_error_that_names_it(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "t.model"
    file.write_bytes(DAMAGED[damage])
    tokenizer = trained()
    before = state(tokenizer)
    with pytest.raises(FileDamaged, match=r"t\.model is not a tokenizer's \.model file"):
        tokenizer.load(file)
    assert state(tokenizer) == before


def test_what_a_file_cannot_hold_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"):
        trained({"a\nb": 300}).save(tmp_path / "t")
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {base64.b16decode(f"{i:02X}"): i for i in range(256)} | {b"aa": 300}
    gap = GPT4Tokenizer(tiktoken.Encoding("gap", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={}))
    assert gap.encode("aaa") == [300, 97]
    with pytest.raises(ValueError, match="gaps"):
        gap.save(tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize("vocab_size", [0, 255, -1, 256.0, "300", None, 1 << 21, True])
def test_a_vocabulary_of_no_use_is_refused(vocab_size: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"vocab_size (={vocab_size!r})")):
        BasicTokenizer().train("text", vocab_size)


def test_training_stops_when_nothing_is_left_to_merge(capsys: pytest.CaptureFixture[str]) -> None:
    for text, merges in [("", 0), ("a", 0), ("abc", 2), ("a b", 1)]:
        tokenizer = RegexTokenizer()
        tokenizer.train(text, 1000, verbose=True)
        assert len(tokenizer.merges) == merges
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert capsys.readouterr().out.count("occurrences") == merges


def test_training_again_forgets_what_was_learned() -> None:
    tokenizer = RegexTokenizer()
    tokenizer.train("aaaa aaaa", 258)
    assert tokenizer.encode("aaaa") == [257]
    tokenizer.train("bbbb", 257)
    assert tokenizer.encode("aaaa b") == [97, 97, 97, 97, 32, 98]
    assert tokenizer.encode("bbbb") == [256, 256]


@pytest.mark.parametrize("make", [BasicTokenizer, RegexTokenizer])
def test_what_is_no_text_is_refused(make: Callable[[], Any]) -> None:
    tokenizer = make()
    for method in (tokenizer.encode, tokenizer.encode_ordinary, lambda text: tokenizer.train(text, 256)):
        with pytest.raises(ValueError, match=r"text\[2\] \(='\\ud83d'\) is a lone surrogate"):
            method("ab\ud83d")
        for wrong in (b"bytes", None, ["a"]):
            with pytest.raises(ValueError, match="must be a str"):
                method(wrong)
    repaired = "ab\ud83d\ude09 \ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert tokenizer.decode(tokenizer.encode(repaired)) == "ab😉 \ufffd"  # the remedy that the error names


@pytest.mark.parametrize("id", [-1, 256, 10**9, "a", None])
def test_an_id_outside_the_vocabulary_is_named(id: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"id (={id!r})")):
        BasicTokenizer().decode([97, id])


def test_bytes_that_form_no_character_are_replaced() -> None:
    assert BasicTokenizer().decode([97, 0xE2, 0x96, 98, 0xFF]) == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is not understood"), ("(a)|b", "captures"), (r"\p{Han}", "'Han'"), (r"\p{}", "is not"), (r"\pL", "is not")],
)
def test_a_pattern_that_cannot_work_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegexTokenizer(pattern)


@pytest.mark.parametrize("pattern", [r"\p{M}|[\p{M}]|[^\p{M}a]+|a+", r"\\p|[\\p{]|[^\\p{]+", r"[]\p{L}]+|[^]\p{L}]+"])
def test_a_pattern_means_the_same_with_and_without_the_large_tables(pattern: str) -> None:
    text = "aab ]] \\p{L} ba"
    chunks = RegexTokenizer(pattern).split(text)
    assert chunks == splitter(pattern, ascii=False).findall(text)
    assert "".join(chunks) == text
    assert len(chunks) > 2


def test_a_tokenizer_that_lacks_a_byte_or_halves_is_refused() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)}
    with pytest.raises(ValueError, match=r"token 300 \(=b'abc'\)"):
        bpe.recover(ranks | {b"abc": 300})
    del ranks[b"\x07"]
    with pytest.raises(ValueError, match="no token for byte 7"):
        bpe.recover(ranks)


def test_it_runs_on_pythons_own_library() -> None:
    code = "import sys, glassworks.micro.bpe as m; m.RegexTokenizer().train('äa äa', 257); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "regex", "tiktoken", "tokenizers"} & set(loaded)
