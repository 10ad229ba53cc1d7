"""Which tokens end a text: what a model folder declares, or else what tokenizers in use call theirs."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.files import read_json

EOT = "<|endoftext|>"
BOS = "<|bos|>"
END_TOKENS = (
    EOT,
    "</s>",
    "<eos>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|return|>",
    "<end_of_turn>",
    "[SEP]",
    BOS,
)
"""The names under which tokenizers in use keep their end of text, the likeliest first. nanochat's documents begin with
<|bos|>, as ours do with their end; what its assistant says ends with <|assistant_end|>."""
AFTER_ANSWERS = {BOS: "<|assistant_end|>"}

DECLARING = ("generation_config.json", "config.json", "tokenizer_config.json", "special_tokens_map.json")
"""The files of a model folder that say how texts end; the first that names a token of the vocabulary counts."""


def declaring(folder: Path) -> list[Path]:
    """The files of a folder that declare an end of text."""
    return [file for name in DECLARING if (file := folder / name).is_file() and tokens_in(file)]


def declared_ends(folder: Path, vocabulary: Mapping[str, int]) -> list[int]:
    """The ids that a model folder declares to end a text, in its order, as far as the tokenizer has them."""
    known = set(vocabulary.values())
    for file in declaring(folder):
        ids = [vocabulary.get(token, -1) if isinstance(token, str) else token for token in tokens_in(file)]
        if found := [id for id in ids if id in known]:
            return found
    return []


def tokens_in(file: Path) -> list[int | str]:
    """What a file declares to end a text: ids, or one token by name."""
    values = read_json(file)
    declared: Any = None
    if isinstance(values, dict):
        declared = values.get("eos_token") if file.name in DECLARING[2:] else values.get("eos_token_id")
    if isinstance(declared, dict):
        declared = declared.get("content")
    kind = str if file.name in DECLARING[2:] else int
    return [x for x in (declared if isinstance(declared, list) else [declared]) if type(x) is kind]


def ends_of(
    vocabulary: Mapping[str, int], special: Collection[int], declared: Sequence[int]
) -> tuple[int, frozenset[int]] | None:
    """The token that stands between documents, and all tokens that end a text. None if neither names nor ids tell.

    Args:
        vocabulary: token -> id.
        special: ids that no text contains.
        declared: ids that the model's folder declares.

    Of several declared ones the likeliest name separates documents, else the first that no text contains.
    """
    named = [token for token in END_TOKENS if token in vocabulary]
    if not named and not declared:
        return None
    likely = [vocabulary[token] for token in named if vocabulary[token] in declared or token == BOS]
    if not declared:
        likely = [vocabulary[named[0]]]
    eot = [*likely, *(id for id in declared if id in special), *(vocabulary[token] for token in named), *declared][0]
    after = [vocabulary[end] for bos, end in AFTER_ANSWERS.items() if vocabulary.get(bos) == eot and end in vocabulary]
    return eot, frozenset([eot, *(declared or after)])
