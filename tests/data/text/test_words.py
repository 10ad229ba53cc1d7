"""Words into examples."""

import random
from pathlib import Path

import pytest

from glassworks.data.text.words import MOST_SYMBOLS, Words, read_words

WORDS = ["ab", "b", "", *(f"w{i}" for i in range(20))]


def slow_examples(words: list[str], alphabet: tuple[str, ...], n_ctx: int) -> list[tuple[list[int], int]]:
    found = []
    for word in words:
        context = [0] * n_ctx
        for token in [*(alphabet.index(c) + 1 for c in word), 0]:
            found.append((context, token))
            context = [*context[1:], token] if n_ctx else context
    return found


def test_prose_is_told_from_names() -> None:
    assert Words.of([word for word in WORDS if word]).unlike_names == ""
    assert Words.of(["San Francisco", "Rome", "Oslo", "Rio de Janeiro"] * 4).unlike_names == ""
    prose = Words.of(["To be, or not to be, that is the question:"] * 10).unlike_names
    assert prose.startswith("a line has 42 characters on average, and 100% of them have blanks, where one name or word")


@pytest.mark.parametrize("n_ctx", [1, 3, 8])
@pytest.mark.parametrize("split", ["train", "dev", "test", "all"])
def test_examples_match_a_slow_loop(n_ctx: int, split) -> None:  # type: ignore[no-untyped-def]
    data = Words.of([word for word in WORDS if word])
    inputs, targets = data.examples(split, n_ctx)
    expected = slow_examples(data.split(split), data.alphabet, n_ctx)
    assert list(zip(inputs.tolist(), targets.tolist(), strict=True)) == expected


def test_the_split_is_the_lectures() -> None:
    words = [str(i) for i in range(57)]
    data = Words.of(words)
    random.seed(42)
    random.shuffle(words)
    assert data.split("train") == words[:45]
    assert data.split("dev") == words[45:51]
    assert data.split("test") == words[51:]
    assert data.split("all") == [str(i) for i in range(57)]


def test_any_character_may_be_in_a_word() -> None:
    words = ["a.b", ".", "日本", "😀e\u0301", "two words", "\u200d", "ﷺ", "ß", "İ", "0"]
    data = Words.of(words)
    assert data.alphabet == tuple(sorted(set("".join(words))))
    assert data.vocab_size == len(data.alphabet) + 1
    _, targets = data.examples("all", 3)
    assert (targets == 0).sum() == len(words)
    assert targets.max() == len(data.alphabet)


def test_a_file_of_any_line_ends_is_read_to_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffemma\r\n\r\n  olivia \navá\n\n".encode())
    assert read_words(path) == ["emma", "olivia", "avá"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"too few words \(0\): give at least 10"),
        (["one"], r"too few words \(1\): give at least 10"),
        (["a"] * 9 + [""], "words hold an empty one"),
        (["a" * 1_000_000] * 10, "words have 10,000,000 characters: give at most 5,000,000"),
        ([chr(0x4E00 + i) for i in range(MOST_SYMBOLS + 1)], "words have 5,001 different characters"),
    ],
)
def test_refuses_lists_that_cannot_be_used(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Words.of(words)


def test_another_order_is_other_data() -> None:
    words = [f"w{i}" for i in range(12)]
    assert Words.of(words).sha256 != Words.of(words[::-1]).sha256
    assert not Words.of(words).are_names
