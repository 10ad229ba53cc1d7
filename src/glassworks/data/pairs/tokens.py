"""The tokenizer that both sides share: any of ours, with a start and a padding token added."""

import tokenizers
from tokenizers import AddedToken, processors

from glassworks.data.tokenizers.build import Tokenizer

PAD, START = "<|pad|>", "<|start|>"


def with_start_and_padding(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with <|pad|> and <|start|> as its last ids; its end of text is a target's end.

    Its tokenizer.json asks others to end every text, as the encoder reads it; ours adds nothing by itself.
    """
    inner = tokenizers.Tokenizer.from_str(tokenizer.json)
    inner.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (PAD, START)])
    end = inner.id_to_token(tokenizer.eot)
    inner.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", pair=f"$A {end} $B {end}", special_tokens=[(end, tokenizer.eot)]
    )
    return Tokenizer(inner, sorted(tokenizer.ends) if tokenizer.is_declared else (), tokenizer.name)


def marks(tokenizer: Tokenizer) -> tuple[int, int, int]:
    """Padding, start and end of such a tokenizer; ValueError for one without."""
    pad, start = (tokenizer.inner.token_to_id(name) for name in (PAD, START))
    if pad is None or start is None:
        raise ValueError(f"{tokenizer.name} has no {PAD} or no {START}: give the tokenizer of an encoder-decoder")
    return pad, start, tokenizer.eot
