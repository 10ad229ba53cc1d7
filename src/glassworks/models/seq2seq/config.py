"""The shape of an encoder-decoder, checked before anything is built."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from glassworks.core.config import check_types

Activation = Literal["relu", "swish", "gelu"]
TOKENIZERS = {"default": "the tokenizer's"}


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The shape of an encoder-decoder. Sizes are those of both stacks, unless the decoder has its own."""

    vocab_size: int = field(default=512, metadata=TOKENIZERS)
    """Tokens that it knows, on both sides. Leave it out in training, where they are the tokenizer's."""
    n_ctx: int = 128
    """The longest text in tokens, its end included, on either side."""
    n_layer: int = 2
    """Layers of the encoder, and of the decoder."""
    n_decoder_layer: int | None = None
    """Layers of the decoder; None = n_layer."""
    n_head: int = 4
    """Attention heads of a layer."""
    n_embd: int = 128
    """Width of the residual stream."""
    n_inner: int | None = None
    """Width of the MLP; None = 4 n_embd."""
    activation: Activation = "relu"
    """Of the MLP: relu is the paper's."""
    dropout: float = 0.1
    """The share of numbers that are dropped in training, of what each sublayer adds and of the embeddings."""
    pad_id: int = field(default=0, metadata=TOKENIZERS)
    """The token that fills shorter texts of a batch up."""
    start_id: int = field(default=1, metadata=TOKENIZERS)
    """The token that the decoder begins with."""
    end_id: int = field(default=2, metadata=TOKENIZERS)
    """The token that ends a text, on both sides."""

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built, naming the field, its value and the remedy."""
        if self.activation not in get_args(Activation):
            raise ValueError(
                f"activation (={self.activation!r}) must be one of {', '.join(map(str, get_args(Activation)))}"
            )
        check_types(self)
        for name in ("vocab_size", "n_ctx", "n_layer", "n_decoder_layer", "n_head", "n_embd", "n_inner"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be a whole number of at least 1")
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd (={self.n_embd}) must be divisible by n_head (={self.n_head})")
        if self.n_embd % 2:
            raise ValueError(f"n_embd (={self.n_embd}) must be even: positions are pairs of a sine and a cosine")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout (={self.dropout}) is a share: give one from 0 to below 1")
        for name in ("pad_id", "start_id", "end_id"):
            if not 0 <= getattr(self, name) < self.vocab_size:
                raise ValueError(
                    f"{name} (={getattr(self, name)}) must be a token: below {self.vocab_size}, and not negative"
                )

    @property
    def decoder_layers(self) -> int:
        """Layers of the decoder."""
        return self.n_decoder_layer or self.n_layer

    @property
    def width_of_head(self) -> int:
        """D, the width of one head."""
        return self.n_embd // self.n_head

    @property
    def width_of_mlp(self) -> int:
        """F, the width of the MLP's hidden layer."""
        return self.n_inner or 4 * self.n_embd
