"""The tokenizer that a GGUF file carries: byte-level BPE, as GPT-2, Llama 3, Qwen and SmolLM have it.

The file holds tokens and merges, and of how text is cut before merging only a name. The names known here are spelled
out as the models' own tokenizer.json has them. Vocabularies of SentencePiece ("llama") and others are refused.
"""

from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from glassworks.core.gguf import GGUF
from glassworks.data.tokenizers.codec import Tokenizer, guarded

LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS: dict[str, str] = {
    **dict.fromkeys(("gpt-2", "gpt2"), "gpt2"),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell"), "digits, gpt2"),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "dbrx"), rf"{LETTERS}|\p{{N}}{{1,3}}|{REST}"),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), rf"{LETTERS}|\p{{N}}|{REST}"),
}
"""Name of a cut -> its pattern; "gpt2" is the one that the library has built in, after single digits for some."""
COMPOSED = ("qwen2", "deepseek-r1-qwen")
"""Those that bring text into Unicode's composed form first."""
WHOLE = ("llama-bpe", "llama3", "llama-v3", "dbrx")
"""Those that take a piece that is a token as it is, without merges."""
NORMAL, CONTROL, USER = 1, 3, 4
"""Types of tokens: those that merges make; those that no text contains; those that are cut out of a text first."""


def gguf_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a GGUF file. ValueError for an unknown kind, FileDamaged for one that makes no sense."""
    fields = {name: value for name, value in GGUF(path).metadata.items() if name.startswith("tokenizer.ggml.")}
    field = {name.removeprefix("tokenizer.ggml."): value for name, value in fields.items()}
    if field.get("model") != "gpt2":
        raise ValueError(
            f"{path}: its tokenizer is of kind {field.get('model')!r}, and only byte-level BPE ('gpt2') is read from "
            "GGUF: use the model's folder in the Hugging Face layout, which has a tokenizer.json"
        )
    if (cut := field.get("pre")) not in list(SPLITS):
        raise ValueError(f"{path}: tokenizer.ggml.pre (={cut!r}) must be one of {', '.join(SPLITS)}")
    with guarded(f"{path} holds a tokenizer that makes no sense", "fetch it again"):
        inner = byte_level_bpe(field, str(cut))
        declared = [field[name] for name in ("eos_token_id", "eot_token_id", "eom_token_id") if name in field]
        known = [id for id in declared if isinstance(id, int) and 0 <= id < inner.get_vocab_size()]
    return Tokenizer(inner, known, path)


def byte_level_bpe(field: dict[str, Any], cut: str) -> tokenizers.Tokenizer:
    """Of a file's fields."""
    tokens, kinds = field["tokens"], field.get("token_type") or [NORMAL] * len(field["tokens"])
    merges = [tuple(merge.split(" ")) for merge in field.get("merges", [])]
    vocabulary = {token: id for id, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens) or len(kinds) != len(tokens):
        raise ValueError("a token is there twice, or without a type")
    inner = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=cut in WHOLE))
    if cut in COMPOSED:
        inner.normalizer = normalizers.NFC()
    steps: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if SPLITS[cut].startswith("digits") else []
    if SPLITS[cut].endswith("gpt2"):
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True))
    else:
        steps.append(pre_tokenizers.Split(Regex(SPLITS[cut]), "isolated"))
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    inner.pre_tokenizer = pre_tokenizers.Sequence(steps)
    inner.decoder = decoders.ByteLevel()
    for kind, add in ((CONTROL, inner.add_special_tokens), (USER, inner.add_tokens)):
        found = [token for token, one in zip(tokens, kinds, strict=True) if one == kind]
        add([AddedToken(token, special=kind == CONTROL, normalized=False) for token in found])
    return inner
