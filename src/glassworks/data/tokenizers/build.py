"""Tokenizers, made or opened. Each is a `tokenizer.json`, which transformers, vLLM and llama.cpp open too.

    bytes        256 bytes and <|endoftext|>; id = byte
    chars        the corpus' alphabet, sorted, and <|endoftext|>
    BPE          byte-level, trained on the corpus; <|endoftext|> is the last id
    GPT-2        its own, from encoder.json and vocab.bpe
    any other    a tokenizer.json, with its own end-of-text token

How they turn text into ids and back is in `codec`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers

from glassworks.core.ends import END_TOKENS, EOT, declared_ends
from glassworks.core.files import read_json
from glassworks.core.gguf import find_gguf
from glassworks.core.text import check_text, several
from glassworks.data.tokenizers.codec import BYTE_OF, Tokenizer, guarded
from glassworks.data.tokenizers.gguf import gguf_tokenizer

__all__ = [
    "END_TOKENS",
    "EOT",
    "TRAIN_BYTES",
    "Tokenizer",
    "byte_tokenizer",
    "char_tokenizer",
    "gpt2_tokenizer",
    "load_tokenizer",
    "train_bpe",
]

# GPT-4's pattern (cl100k_base in tiktoken) with at most two digits a token, as in nanochat: small vocabularies should
# not be filled with numbers.
PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
TRAIN_BYTES = 64_000_000
LONGEST_WORD = 1024
LONG_SPACE = re.compile(rf"\s{{{LONGEST_WORD}}}")
LONG_RUN = re.compile(rf"[^\W\d_]{{{LONGEST_WORD}}}|\s{{{LONGEST_WORD}}}|(?:[^\w\s]|_){{{LONGEST_WORD}}}")


def byte_tokenizer() -> Tokenizer:
    """One token a byte: lossless for any text, no training."""
    return with_eot(byte_level(BYTE_OF, [], split=None))


def char_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """One token a character that occurs in the texts, numbered in the order of their code points."""
    alphabet: set[str] = set()
    for text in several(texts):
        check_text(text)
        alphabet |= set(text)
    inner = tokenizers.Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(sorted(alphabet))}, merges=[]))
    inner.decoder = decoders.Fuse()
    return with_eot(inner)


def train_bpe(texts: Iterable[str], vocab_size: int, *, digits: int = 2) -> Tokenizer:
    """Byte-level BPE of the first 64 MB of the texts; fewer tokens than `vocab_size` if they run out of pairs.

    A token has at most so many `digits`.

    The same texts give the same tokenizer, on any number of cores. A run of more than 1,024 letters, signs or spaces (a
    genome) is learned from in parts of so many, since the trainer's time grows with the square of the longest word; it
    is encoded whole.
    """
    if vocab_size < 257:
        raise ValueError(f"vocab_size (={vocab_size}) must be at least 257: the 256 bytes and {EOT}")
    inner = byte_level({}, [], split=PATTERN.replace("{1,2}", f"{{1,{digits}}}"))
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, initial_alphabet=sorted(BYTE_OF), special_tokens=[], show_progress=False
    )
    inner.train_from_iterator(parted(capped(several(texts), TRAIN_BYTES)), trainer)
    return with_eot(inner)


def capped(texts: Iterable[str], size: int) -> Iterator[str]:
    """The texts until their bytes add up to `size`; the last one is cut."""
    for text in texts:
        check_text(text)
        yield text[:size]
        size -= len(text.encode())
        if size <= 0:
            return


def parted(texts: Iterable[str]) -> Iterator[str]:
    """The texts, cut within runs that the pattern could take for one endless word."""
    for text in texts:
        start = 0
        if max(map(len, text.split()), default=0) >= LONGEST_WORD or LONG_SPACE.search(text):
            for run in LONG_RUN.finditer(text):
                yield text[start : run.end()]
                start = run.end()
        yield text[start:]


def gpt2_tokenizer(encoder_json: Path, vocab_bpe: Path) -> Tokenizer:
    """GPT-2's tokenizer from the two files OpenAI published (also known as vocab.json and merges.txt)."""
    vocabulary = read_json(encoder_json)
    with guarded(f"{encoder_json} and {vocab_bpe} are not a pair", "fetch both again"):
        lines = vocab_bpe.read_text(encoding="utf-8-sig").splitlines()
        merges = [(left, right) for left, right in (line.split(" ") for line in lines[1:] if line)]
        return with_eot(byte_level(vocabulary, merges, split="gpt2"))


def byte_level(vocabulary: dict[str, int], merges: list[tuple[str, str]], split: str | None) -> tokenizers.Tokenizer:
    """A byte-level BPE whose merges stay inside the pieces of `split`: a pattern, "gpt2" for its own, None for none."""
    inner = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split == "gpt2")
    if split in (None, "gpt2"):
        inner.pre_tokenizer = to_bytes
    else:
        pieces = pre_tokenizers.Split(Regex(split), "isolated")
        inner.pre_tokenizer = pre_tokenizers.Sequence([pieces, to_bytes])
    inner.decoder = decoders.ByteLevel()
    return inner


def with_eot(inner: tokenizers.Tokenizer) -> Tokenizer:
    """Add <|endoftext|> as the next id, unless it has one."""
    inner.add_special_tokens([AddedToken(EOT, special=True, normalized=False)])
    return Tokenizer(inner)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """The tokenizer of a tokenizer.json, of a model folder that holds one, or of a GGUF file.

    Beside a file that is called tokenizer.json, its folder's other files may declare which tokens end a text
    (`core.ends`). All are JSON and nothing in them is executed. Truncation, padding and added special tokens that a
    tokenizer.json asks for are switched off. Raises `ValueError` when it is not there or has no end-of-text token,
    `FileDamaged` when it is broken.
    """
    path = Path(path)
    if (gguf := find_gguf(path)) is not None:
        return gguf_tokenizer(gguf)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"there is no tokenizer at {file}: give a tokenizer.json or a folder that holds one")
    read_json(file)  # says which file is not even JSON
    with guarded(f"{file} is not a tokenizer", "restore it"):
        inner = tokenizers.Tokenizer.from_str(file.read_text(encoding="utf-8-sig"))
    declared = declared_ends(file.parent, inner.get_vocab()) if file.name == "tokenizer.json" else []
    return Tokenizer(inner, declared, file)
