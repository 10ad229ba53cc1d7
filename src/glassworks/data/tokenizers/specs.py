"""Tokenizers by name: what `--tokenizer` and a recipe's `tokenizer` may say."""

from collections.abc import Iterable
from pathlib import Path

from glassworks.core.ends import declaring
from glassworks.core.files import at_home
from glassworks.core.gguf import find_gguf
from glassworks.data.tokenizers.build import (
    Tokenizer,
    byte_tokenizer,
    char_tokenizer,
    gpt2_tokenizer,
    load_tokenizer,
    train_bpe,
)

SMALLEST = 257
"""Tokens of a BPE without a merge."""
LARGEST = 1 << 20
"""Tokens of a BPE at most: four times the largest in use; the library that learns it takes room for all at once."""


def make_tokenizer(spec: str, *, alphabet: Iterable[str], training: Iterable[str], digits: int = 2) -> Tokenizer:
    """The tokenizer that a spec names.

    Args:
        spec: "bytes", "chars", "bpe:<vocab_size>", "gpt2:<folder of encoder.json and vocab.bpe>", or the path of a
            tokenizer.json, of a folder with one, or of a GGUF file.
        alphabet: texts that "chars" must be able to write; read only for that.
        training: texts that "bpe" learns from; read only for that.
        digits: that a token of "bpe" has at most.
    """
    if spec == "bytes":
        return byte_tokenizer()
    if spec == "chars":
        return char_tokenizer(alphabet)
    if (size := bpe_size(spec)) is not None:
        return train_bpe(training, size, digits=digits)
    if spec.partition(":")[0] == "gpt2":
        return gpt2_tokenizer(*tokenizer_files(spec))
    return load_tokenizer(tokenizer_files(spec)[0])


def fewer(spec: str, vocab_size: int) -> str:
    """Why a BPE has fewer tokens than its spec asks for, to follow their number; nothing if it has not."""
    requested = bpe_size(spec)
    if requested is None or requested <= vocab_size:
        return ""
    return f"; {requested:,} were asked for, but with these each word of the text is one token"


def bpe_size(spec: str) -> int | None:
    """The tokens that a BPE's spec asks for, None for another spec; ValueError for a size that none can have."""
    name, _, argument = spec.partition(":")
    if name != "bpe":
        return None
    if not argument.isdecimal():
        raise ValueError(f'tokenizer (={spec}) must say its vocabulary size, as "bpe:4096" does')
    if len(argument) > 20 or int(argument) > LARGEST:  # no int is made of thousands of digits
        raise ValueError(f"tokenizer (={spec:.40}) must have at most {LARGEST:,} tokens")
    if int(argument) < SMALLEST:
        raise ValueError(f"tokenizer (={spec}) must have at least {SMALLEST} tokens: the 256 bytes and <|endoftext|>")
    return int(argument)


def tokenizer_files(spec: str) -> list[Path]:
    """The files that a tokenizer spec names, and those that say where its texts end; none for those that are made.

    Raises: ValueError for what is no spec.
    """
    if bpe_size(spec) is not None or spec in ("bytes", "chars"):
        return []
    name, _, argument = spec.partition(":")
    path = at_home(argument if name == "gpt2" else spec)
    if spec == "gpt2":
        raise ValueError(
            f"tokenizer (={spec}) must say where GPT-2's encoder.json and vocab.bpe are, as gpt2:<folder> does, or be "
            "the path of a tokenizer.json"
        )
    if name == "gpt2":
        matches = [sorted(path.glob(pattern)) for pattern in ("*encoder.json", "*vocab.bpe")]
        if not all(matches):
            raise ValueError(f"tokenizer (={spec}): there is no encoder.json with a vocab.bpe in {path}")
        return [files[0] for files in matches]
    if not spec or not path.exists():
        raise ValueError(
            f"tokenizer (={spec}) must be bytes, chars, bpe:<vocab_size>, gpt2:<folder>, or the path of a "
            "tokenizer.json, of a GGUF file or of a model folder, as runs/NAME/model is"
        )
    if (gguf := find_gguf(path)) is not None:
        return [gguf]
    file = path / "tokenizer.json" if path.is_dir() else path
    return [file, *(declaring(file.parent) if file.name == "tokenizer.json" else [])]
