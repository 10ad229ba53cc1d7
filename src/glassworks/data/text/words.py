"""A list of words as next-character examples: the data of makemore.

Token 0 is the boundary: it fills the context before a word and is what follows its last character. It is no character
of the alphabet (the lectures print it as "."), so that a word may hold any character at all.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from glassworks.data.text.plain import text_file

Split = Literal["train", "dev", "test", "all"]
NAMES_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
FEWEST_WORDS = 10  # so that no part of an 80/10/10 split is empty
MOST_CHARACTERS = 5_000_000  # 25 times names.txt; the examples of a context of 8 then take 400 MB
LONG = 24  # characters of a word on average, above which they are hardly names
MOST_SYMBOLS = 5_000  # the bigram table has their square


def read_words(path: Path) -> list[str]:
    """The words of a UTF-8 text file, one a line, without the space around them; empty lines are left out."""
    ((_, text),) = text_file(path, path.name, cut=False)
    return [word for line in text.removeprefix("\ufeff").splitlines() if (word := line.strip())]


def has_blank(word: str) -> bool:
    """Whether there is white space within a word."""
    return any(map(str.isspace, word))


@dataclass(frozen=True)
class Words:
    """Words in their file's order, checked; `alphabet[i]` is the character of token i + 1."""

    words: tuple[str, ...]
    alphabet: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Words":
        """Check a list of words; ValueError says what is wrong with it."""
        if len(words) < FEWEST_WORDS:
            raise ValueError(
                f"too few words ({len(words)}): give at least {FEWEST_WORDS}, one a line, as 80/10/10 is the split"
            )
        if "" in words:
            raise ValueError("words hold an empty one: leave it out")
        if (total := sum(map(len, words))) > MOST_CHARACTERS:
            raise ValueError(f"words have {total:,} characters: give at most {MOST_CHARACTERS:,}")
        alphabet = tuple(sorted(set().union(*words)))
        if len(alphabet) > MOST_SYMBOLS:
            raise ValueError(f"words have {len(alphabet):,} different characters: give at most {MOST_SYMBOLS:,}")
        return cls(tuple(words), alphabet)

    @property
    def vocab_size(self) -> int:
        """Characters, and the boundary."""
        return len(self.alphabet) + 1

    @property
    def sha256(self) -> str:
        """Digest of the words in order; that of the lectures' names.txt is `NAMES_SHA256`."""
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()

    @property
    def unlike_names(self) -> str:
        """What is odd about the words, if they look like lines of prose: a clause, or nothing."""
        length, spaced = sum(map(len, self.words)) / len(self.words), sum(map(has_blank, self.words)) / len(self.words)
        if length <= LONG and spaced <= 0.5:
            return ""
        return (
            f"a line has {length:.0f} characters on average, and {spaced:.0%} of them have blanks, where one name or "
            "word a line is expected: each line is learned as if it were one"
        )

    @property
    def are_names(self) -> bool:
        """Whether these are the lectures' 32,033 names."""
        return self.sha256 == NAMES_SHA256

    def split(self, split: Split) -> list[str]:
        """The lectures' split: shuffled by `random.seed(42)`, 80 % train, 10 % dev, 10 % test; all = unshuffled."""
        shuffled = list(self.words)
        if split == "all":
            return shuffled
        random.Random(42).shuffle(shuffled)
        first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
        return {"train": shuffled[:first], "dev": shuffled[first:second], "test": shuffled[second:]}[split]

    def examples(self, split: Split, n_ctx: int) -> tuple[Tensor, Tensor]:
        """Contexts (N, T) and the token that follows each, (N,): one example a character and one a word's end.

        "ab" with n_ctx = 3 gives the contexts ···, ··a, ·ab, followed by a, b and the boundary ·.
        """
        token = {character: i for i, character in enumerate(self.alphabet, 1)}
        stream: list[int] = []
        starts: list[int] = []
        for word in self.split(split):
            starts.extend(range(len(stream), len(stream) + len(word) + 1))
            stream.extend([0] * n_ctx)  # the first of them is also the end of the word before
            stream.extend(token[character] for character in word)
        windows = torch.tensor([*stream, 0]).unfold(0, n_ctx + 1, 1)[torch.tensor(starts)]  # (N, T + 1)
        return windows[:, :-1].contiguous(), windows[:, -1].contiguous()
