r"""Byte-pair encoding by hand: text to token ids and back, as GPT-2 and GPT-4 do it. Python's own library only.

    BasicTokenizer     merges anything with anything
    RegexTokenizer     cuts the text into chunks first (words, numbers, spaces); merges stay inside a chunk
    GPT4Tokenizer      the merges and special tokens of an encoding of tiktoken

    >>> tokenizer = BasicTokenizer()
    >>> tokenizer.train("aaabdaaabac", 256 + 3)
    >>> tokenizer.encode("aaabdaaabac")
    [258, 100, 258, 97, 99]
    >>> tokenizer.decode([258, 100])
    'aaabd'

A text starts as its UTF-8 bytes, ids 0 to 255. Training finds the most frequent pair of neighbours (of several, the one
that occurs first), writes a new id in its place everywhere, and does so again: Sennrich et al. 2016, arXiv:1508.07909,
on bytes as in GPT-2. Encoding repeats the merges in the order in which they were learned.

The trick that makes it fast: ids are held as the characters of a Python string, id 258 as `chr(258)`. A merge is then
`text.split(pair)` and `new.join(parts)`, which run in C, go from left to right as the definition asks, and leave the
neighbours of every merged pair at the ends of the parts. So counts are brought up to date, never counted again.

Ids and files are those of minbpe (github.com/karpathy/minbpe); ids of an encoding are those of tiktoken. Chunks are cut
by `patterns`.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate, chain, pairwise
from operator import add
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import write_text
from glassworks.core.text import check_text
from glassworks.micro.patterns import GPT4_SPLIT_PATTERN, splitter

BYTES = "".join(map(chr, range(256)))
EDGE = "\xff"  # stands between chunks in training: this byte occurs in no UTF-8, so it is never part of a pair
MAX_VOCAB = 0x110000  # an id is a character
MAX_BYTES = 1 << 28  # of all tokens that a file may define
VERSION = "minbpe v1"
REMEMBERED = 1 << 16  # chunks whose ids are kept from one call to the next


# ----------------------------------------------------------------------------------------------------------------------
# Byte-pair encoding


def learn(chunks: Mapping[str, int], vocab_size: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the pairs to merge, in order, each with how often it occurred; fewer if no chunk has two tokens left.

    `chunks` are texts of ids, in the order in which they first appear, each with how often it does. The first of
    equally frequent pairs in them is the first in the corpus too.

    >>> list(learn({"aaabdaaabac": 1}, 259))
    [((97, 97), 4), ((256, 97), 2), ((257, 98), 2)]
    """
    text = EDGE + EDGE.join(chunks) + EDGE
    weights = list(chunks.values())
    counts: defaultdict[str, int] = defaultdict(int)
    for chunk, weight in chunks.items():
        for pair in map(add, chunk, chunk[1:]):
            counts[pair] += weight
    for new in map(chr, range(256, vocab_size)):
        most = max(counts.values(), default=0)
        if most == 0:
            return
        pair = earliest(text, [pair for pair, count in counts.items() if count == most])
        parts = text.split(pair)
        recount(counts, pair, new, parts, weights)
        text = new.join(parts)
        yield (ord(pair[0]), ord(pair[1])), most


def earliest(text: str, pairs: list[str]) -> str:
    """The one of some pairs that occurs first: each is looked for before the best place so far."""
    place = len(text)
    for pair in pairs:
        found = text.find(pair, 0, place + 1)
        place = found if found >= 0 else place
    return text[place : place + 2]


def recount(counts: defaultdict[str, int], pair: str, new: str, parts: list[str], weights: list[int]) -> None:
    """Bring the counts of pairs up to date when `new` takes the place of `pair` between the parts of the text.

    Only pairs with a neighbour of a merged one change: in "xaby", (x, a) and (b, y) go, (x, new) and (new, y) come.
    """
    before: defaultdict[str, int] = defaultdict(int)
    after: defaultdict[str, int] = defaultdict(int)
    chunk = accumulate(part.count(EDGE) for part in parts)  # the number, from 1, of the chunk that a part ends in
    for (left, right), number in zip(pairwise(parts), chunk, strict=False):
        before[left[-1:]] += weights[number - 1]
        after[right[:1]] += weights[number - 1]
    touching = before.pop("", 0)  # an empty part: two merged pairs in a row
    a, b = pair[0], pair[1]
    counts[b + a] -= touching
    counts[new + new] += touching
    for x in before.keys() - {EDGE}:
        counts[x + a] -= before[x]
        counts[x + new] += before[x]
    for y in after.keys() - {EDGE, ""}:
        counts[b + y] -= after[y]
        counts[new + y] += after[y]
    del counts[pair]


def merge(text: str, pairs: Mapping[str, int]) -> str:
    """A text of ids after all merges that apply to it, the one learned first (the lowest id) before the others.

    A merge makes only pairs that were learned later, so each is done once: the time grows with the text's length times
    the number of merges that apply.

    >>> [ord(c) for c in merge("aaab", {"aa": 256, "Āa": 257, "āb": 258})]
    [258]
    """
    waiting = {pairs[pair]: pair for pair in map(add, text, text[1:]) if pair in pairs}
    while waiting:
        id = min(waiting)
        parts = text.split(waiting.pop(id))
        if len(parts) > 1:  # else earlier merges have taken all its tokens
            new = chr(id)
            text = new.join(parts)
            around = {part[-1:] + new for part in parts} | {new + part[:1] for part in parts} | {new + new}
            waiting |= {pairs[pair]: pair for pair in around if pair in pairs}
    return text


def recover(ranks: Mapping[bytes, int]) -> tuple[str, dict[tuple[int, int], int]]:
    """The ids of the 256 bytes, and the merges, of an encoding that only tells the id (rank) of each token's bytes.

    The two halves of a token are what the merges before it make of its bytes.
    """
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise ValueError(f"the encoding has no token for byte {missing[0]}: it must have one for each of the 256 bytes")
    alphabet = "".join(chr(ranks[bytes([byte])]) for byte in range(256))
    pairs: dict[str, int] = {}
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            pair = merge(token.decode("latin-1").translate(alphabet), pairs)
            if len(pair) != 2:
                raise ValueError(f"token {rank} (={token!r}) is not two earlier tokens: this is no byte-pair encoding")
            pairs[pair] = rank
    return alphabet, {(ord(pair[0]), ord(pair[1])): rank for pair, rank in pairs.items()}


# ----------------------------------------------------------------------------------------------------------------------
# The three tokenizers


class Tokenizer:
    """What the three share: a tokenizer is its merges, the pattern that cuts chunks ("" for none), its special tokens.

    Attributes as in minbpe, to read: `merges` {(id, id): id}, `vocab` {id: bytes} with the special tokens, `pattern`,
    `special_tokens` {text: id}.
    """

    def __init__(self, pattern: str) -> None:
        splitter(pattern, ascii=True)  # refuses a broken pattern
        self.pattern = pattern
        self.special_tokens: dict[str, int] = {}
        self.adopt({})

    def adopt(self, merges: dict[tuple[int, int], int], alphabet: str = BYTES) -> None:
        """Take merges, and the ids of the 256 bytes, for one's own."""
        vocab = {ord(id): bytes([byte]) for byte, id in enumerate(alphabet)}
        for (a, b), id in merges.items():
            vocab[id] = vocab[a] + vocab[b]
        check_special(self.special_tokens, vocab)
        self.merges, self.alphabet = merges, alphabet
        self.vocab = vocab | {id: token.encode() for token, id in self.special_tokens.items()}
        self.pairs = {chr(a) + chr(b): id for (a, b), id in merges.items()}
        self.cache: dict[str, list[int]] = {}

    def register_special_tokens(self, special_tokens: Mapping[str, int]) -> None:
        """Set the special tokens, {text: id}, in place of earlier ones; `ValueError` if one's id is taken."""
        check_special(special_tokens, {*map(ord, self.alphabet), *self.merges.values()})
        self.special_tokens = dict(special_tokens)
        self.adopt(self.merges, self.alphabet)

    def train(self, text: str, vocab_size: int, verbose: bool = False) -> None:
        """Learn `vocab_size` - 256 merges from a text, in place of earlier ones; `verbose` prints each.

        The merges are minbpe's on any text. Where it crashes because every chunk has become one token, this stops:
        `len(merges)` says how many there are. A merge takes time in proportion to the length of the different chunks
        and to the number of different pairs: milliseconds for a megabyte.
        """
        if not isinstance(vocab_size, int) or not 256 <= vocab_size <= MAX_VOCAB:
            raise ValueError(f"vocab_size (={vocab_size!r}) must be a whole number from 256 (the bytes) to {MAX_VOCAB}")
        check_special(self.special_tokens, range(vocab_size))
        chunks = {as_ids(chunk): count for chunk, count in Counter(self.split(text)).items()}
        merges: dict[tuple[int, int], int] = {}
        vocab = [bytes([byte]) for byte in range(256)]
        for pair, count in learn(chunks, vocab_size):
            merges[pair] = id = len(vocab)
            vocab.append(vocab[pair[0]] + vocab[pair[1]])
            if verbose:
                print(f"merge {len(merges)}: {pair} -> {id} ({vocab[id]!r}) had {count} occurrences")  # noqa: T201
        self.adopt(merges)

    def split(self, text: str) -> list[str]:
        """The chunks of a text, in order. What a pattern of one's own does not match is left out, as in minbpe."""
        check_text(text)
        return splitter(self.pattern, text.isascii()).findall(text) if self.pattern else [text]

    def encode_ordinary(self, text: str) -> list[int]:
        """The ids of a text; a special token spelled out in it is text like any other."""
        chunks = self.split(text)
        cache = self.cache
        for chunk in set(chunks).difference(cache):
            cache[chunk] = list(map(ord, merge(as_ids(chunk, self.alphabet), self.pairs)))
        if len(cache) > REMEMBERED or not self.pattern:
            self.cache = {}  # a new one: another thread may be reading the old
        return list(chain.from_iterable(map(cache.__getitem__, chunks)))

    def encode(
        self, text: str, allowed_special: Collection[str] = "none_raise", disallowed_special: Collection[str] = "none"
    ) -> list[int]:
        """The ids of a text, whose special tokens become their ids, stay text or are refused.

        Args:
            text: any text that UTF-8 can hold, so no lone surrogates: `ValueError`.
            allowed_special: those that become their ids: "all", "none" or a set. Where two begin at one place, the
                longer wins. "none_raise", the default as in minbpe, is none, with all of them disallowed.
            disallowed_special: those that raise `ValueError` when the text holds them: "all" that are not allowed (what
                tiktoken does unless told otherwise), "none" or a set. The rest is text like any other.
        """
        check_text(text)
        if allowed_special == "none_raise":
            allowed_special, disallowed_special = "none", "all"
        allowed = self.choose("allowed_special", allowed_special) & self.special_tokens.keys()
        refused = self.choose("disallowed_special", disallowed_special)
        for token in refused - allowed if disallowed_special == "all" else refused:
            if token in text:
                raise ValueError(f"text holds the special token {token!r}: name it in allowed_special, or pass 'none'")
        if not allowed:
            return self.encode_ordinary(text)
        ids: list[int] = []
        for part in re.split("(" + "|".join(map(re.escape, sorted(allowed, key=len, reverse=True))) + ")", text):
            ids += [self.special_tokens[part]] if part in allowed else self.encode_ordinary(part)
        return ids

    def choose(self, field: str, which: Collection[str]) -> set[str]:
        """The special tokens that "all", "none" or a set of them stands for."""
        if which == "all":
            return set(self.special_tokens)
        if isinstance(which, str) and which != "none":
            raise ValueError(f"{field} (={which!r}) must be 'all', 'none' or a set of special tokens")
        return set() if which == "none" else set(which)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids, special tokens spelled out; bytes that form no character become U+FFFD."""
        try:
            return b"".join(map(self.vocab.__getitem__, ids)).decode(errors="replace")
        except KeyError as error:
            raise ValueError(f"id (={error.args[0]!r}) is none of the vocabulary's {len(self.vocab)} tokens") from None

    def save(self, file_prefix: str | Path) -> None:
        """Write `file_prefix`.model, which minbpe opens too, and `file_prefix`.vocab to look at.

        Where the bytes' ids are not 0 to 255 in order, as in GPT-4, they are in the first line, and minbpe refuses it.
        """
        if re.search(r"[\r\n]", self.pattern + "".join(self.special_tokens)):
            raise ValueError("the pattern or a special token holds a line break: a .model file cannot, so change it")
        if [*sorted(map(ord, self.alphabet)), *self.merges.values()] != list(range(256 + len(self.merges))):
            raise ValueError("the ids of this encoding have gaps: a .model file cannot hold it, so keep its own file")
        version = " ".join(
            [VERSION] if self.alphabet == BYTES else [VERSION, "bytes", *map(str, map(ord, self.alphabet))]
        )
        special = [f"{token} {id}" for token, id in self.special_tokens.items()]
        lines = [version, self.pattern, str(len(special)), *special, *(f"{a} {b}" for a, b in self.merges)]
        write_text(Path(f"{file_prefix}.model"), "\n".join(lines) + "\n")
        texts = {id: f"[{render(token)}]" for id, token in self.vocab.items()}
        halves = {id: f"{texts[a]}{texts[b]} -> " for (a, b), id in self.merges.items()}
        write_text(Path(f"{file_prefix}.vocab"), "".join(f"{halves.get(id, '')}{texts[id]} {id}\n" for id in texts))

    def load(self, model_file: str | Path) -> None:
        """Become the tokenizer of a .model file, ours or minbpe's; `FileDamaged`, and no change, if it is neither."""
        try:
            pattern, special, merges, alphabet = parse_model(Path(model_file).read_text(encoding="utf-8-sig"))
            loaded = Tokenizer(pattern)
            loaded.special_tokens = special
            loaded.adopt(merges, alphabet)
        except ValueError as error:
            raise FileDamaged(f"{model_file} is not a tokenizer's .model file ({error}): restore it") from error
        vars(self).update(vars(loaded))


class BasicTokenizer(Tokenizer):
    """Merges across the whole text, which is one chunk."""

    def __init__(self) -> None:
        super().__init__(pattern="")


class RegexTokenizer(Tokenizer):
    r"""Merges inside the chunks of a pattern: GPT-4's, or one's own in the syntax of `re` with `\p{L}` and its like."""

    def __init__(self, pattern: str | None = None) -> None:
        super().__init__(GPT4_SPLIT_PATTERN if pattern is None else pattern)


class GPT4Tokenizer(Tokenizer):
    """The tokenizer of an encoding of tiktoken: pass one, or its name; training it again would start from nothing.

    tiktoken fetches an encoding by name from the internet once. Recovering the merges of GPT-4's takes seconds.
    """

    def __init__(self, encoding: Any = "cl100k_base") -> None:
        if isinstance(encoding, str):
            try:
                import tiktoken
            except ImportError:
                raise ValueError(f"encoding (={encoding!r}) needs tiktoken: pip install tiktoken") from None
            encoding = tiktoken.get_encoding(encoding)
        super().__init__(encoding._pat_str)
        alphabet, merges = recover(encoding._mergeable_ranks)
        self.adopt(merges, alphabet)
        self.register_special_tokens(encoding._special_tokens)


# ----------------------------------------------------------------------------------------------------------------------
# Texts, special tokens, files


def as_ids(chunk: str, alphabet: str = BYTES) -> str:
    """The bytes of a chunk as a text of ids, those of `alphabet` for bytes 0 to 255."""
    return chunk.encode().decode("latin-1").translate(alphabet)


def check_special(special_tokens: Mapping[str, int], ordinary: Collection[int]) -> None:
    """Refuse special tokens without text, or whose id is no id, an ordinary token's or another's."""
    seen: set[int] = set()
    for token, id in special_tokens.items():
        check_text(token)
        if token == "" or not isinstance(id, int) or id < 0 or id in ordinary or id in seen:
            raise ValueError(f"special token {token!r} (={id!r}) must have a text, and an id that no other token has")
        seen.add(id)


def render(token: bytes) -> str:
    """A token to look at, control characters escaped, as in minbpe's .vocab files."""
    text = token.decode(errors="replace")
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c)[0] == "C" else c for c in text)


def parse_model(text: str) -> tuple[str, dict[str, int], dict[tuple[int, int], int], str]:
    """Pattern, special tokens, merges and the bytes' ids of a .model file; `ValueError` says what is wrong with it.

    The format has no checksum: a file that was cut between two lines passes for one with fewer merges.
    """
    if not text.startswith(VERSION) or not text.endswith("\n"):
        raise ValueError(f"it must begin with {VERSION!r} and end with a line break")
    version, pattern, number, *lines = text[:-1].split("\n")
    numbers = list(map(int, version.split()[3:])) or list(range(256))
    if sorted(numbers) != list(range(256)):
        raise ValueError("its first line does not number the 256 bytes")
    special = {token: int(id) for token, _, id in (line.rpartition(" ") for line in lines[: int(number)])}
    if len(special) != int(number):
        raise ValueError(f"it must name {number} special tokens, not {len(special)}")
    merges: dict[tuple[int, int], int] = {}
    sizes = [1] * 256
    for line in lines[len(special) :]:
        a, b = map(int, line.split())
        if min(a, b) < 0 or max(a, b) >= len(sizes) or (a, b) in merges:
            raise ValueError(f"merge {line!r} names a token that does not exist yet, or is there twice")
        merges[a, b] = len(sizes)
        sizes.append(sizes[a] + sizes[b])
    if sum(sizes) > MAX_BYTES:  # thirty lines can double a token to a gigabyte
        raise ValueError(f"its tokens would take {sum(sizes)} bytes")
    return pattern, special, merges, "".join(map(chr, numbers))
