"""The encoder-decoder of "Attention is all you need" (Vaswani et al. 2017, arXiv 1706.03762).

    encoder   x = norm(x + self-attention(x)), x = norm(x + MLP(x)), for each layer
    decoder   the same, and between the two norm(x + attention(x to what the encoder made))
    both      one table of embeddings, times √C, plus sinusoidal positions; the same table makes the logits

Norms stand after the sum (post-norm). Every value worth looking at passes a named `nn.Identity` (a *tap*):

    encoder.0.attn.q, .k, .v, .scores, .pattern, .z   likewise decoder.0.attn, and decoder.0.cross, to the source
    encoder.0.after_attn.out, .sum, .post             what a sublayer adds, the stream with it, and that normalised
    encoder.0.mlp.post                                hidden neurons
    source, written                                   what each stack begins with: embeddings plus positions

Shape letters: B batch, S source tokens, T target tokens, C width, H heads, D head width, F MLP width, V vocabulary.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from glassworks.models.seq2seq.attention import Attention, Cache
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.positions import sinusoids

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "swish": F.silu, "gelu": F.gelu}


class AddNorm(nn.Module):
    """norm(x + y) for what a sublayer makes of x."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.dropout, self.norm = nn.Dropout(config.dropout), nn.LayerNorm(config.n_embd)
        self.out, self.sum, self.post = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T, C)

    def forward(self, x: Float[Tensor, "B T C"], y: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Add, and normalise."""
        out: Tensor = self.post(self.norm(self.sum(x + self.dropout(self.out(y)))))
        return out


class MLP(nn.Module):
    """The position-wise half of a layer."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.up = nn.Linear(config.n_embd, config.width_of_mlp)
        self.down = nn.Linear(config.width_of_mlp, config.n_embd)
        self.post = nn.Identity()  # (B, T, F)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Widen, apply the nonlinearity, narrow."""
        out: Tensor = self.down(self.post(self.activation(self.up(x))))
        return out


class EncoderLayer(nn.Module):
    """Self-attention over the whole source, then the MLP."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.attn, self.after_attn = Attention(config), AddNorm(config)
        self.mlp, self.after_mlp = MLP(config), AddNorm(config)

    def forward(self, x: Float[Tensor, "B S C"], mask: Bool[Tensor, "B 1 1 S"]) -> Float[Tensor, "B S C"]:
        """`mask` is False at padding."""
        x = self.after_attn(x, self.attn(*self.attn.own(x), mask))
        out: Tensor = self.after_mlp(x, self.mlp(x))
        return out


class DecoderLayer(nn.Module):
    """Self-attention to what is written so far, attention to the source, then the MLP."""

    def __init__(self, config: Seq2SeqConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.attn, self.after_attn = Attention(config), AddNorm(config)
        self.cross, self.after_cross = Attention(config), AddNorm(config)
        self.mlp, self.after_mlp = MLP(config), AddNorm(config)

    def forward(
        self, x: Float[Tensor, "B T C"], memory: Tensor | None, mask: Bool[Tensor, "B 1 1 S"], cache: Cache | None
    ) -> Float[Tensor, "B T C"]:
        """`memory` (B, S, C) is what the encoder made; a cache has its keys and values already."""
        q, k, v = self.attn.own(x)
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)
        x = self.after_attn(x, self.attn(q, k, v, None, causal=True))
        k, v = self.cross.key_value(memory) if memory is not None else cache.read[self.layer]  # type: ignore[union-attr]
        x = self.after_cross(x, self.cross(self.cross.query(x), k, v, mask))
        out: Tensor = self.after_mlp(x, self.mlp(x))
        return out


class Seq2Seq(nn.Module):
    """A source (B, S) and the target so far (B, T) to logits (B, T, V) of each next token. Weights come from `seed`."""

    positions: Tensor
    logits_bias: Tensor

    def __init__(self, config: Seq2SeqConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embed: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            torch.empty(config.vocab_size, config.n_embd), freeze=False
        )
        drawn = self.embed.weight.device.type != "meta"
        table = sinusoids(config.n_ctx, config.n_embd) if drawn else torch.empty(config.n_ctx, config.n_embd)
        self.register_buffer("positions", table, persistent=False)
        self.register_buffer("logits_bias", torch.zeros(config.vocab_size))  # Marian's; what we train has none
        self.dropout = nn.Dropout(config.dropout)
        self.source, self.written = nn.Identity(), nn.Identity()  # (B, S or T, C)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layer))
        self.decoder = nn.ModuleList(DecoderLayer(config, layer) for layer in range(config.decoder_layers))
        if drawn:
            initialise(self, seed)

    def forward(self, source: Int[Tensor, "B S"], inputs: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits of the token that follows each of `inputs`, which begin with the start token."""
        memory, mask = self.encode(source)
        return self.unembed(self.decode(inputs, memory, mask))

    def encode(self, source: Int[Tensor, "B S"]) -> tuple[Float[Tensor, "B S C"], Bool[Tensor, "B 1 1 S"]]:
        """What the encoder makes of a source, and where that is no padding."""
        mask = (source != self.config.pad_id)[:, None, None]
        x: Tensor = self.source(self.inputs(source, 0))
        for layer in self.encoder:
            x = layer(x, mask)
        return x, mask

    def decode(
        self, inputs: Int[Tensor, "B T"], memory: Float[Tensor, "B S C"], mask: Bool[Tensor, "B 1 1 S"]
    ) -> Float[Tensor, "B T C"]:
        """The decoder's last layer at every place of what is written so far."""
        x: Tensor = self.written(self.inputs(inputs, 0))
        for layer in self.decoder:
            x = layer(x, memory, mask, None)
        return x

    def cache(self, memory: Float[Tensor, "B S C"], mask: Bool[Tensor, "B 1 1 S"], size: int) -> Cache:
        """An empty cache for `size` tokens, with the keys and values of what the encoder made."""
        cache = Cache(self.config, size, mask, memory)
        for layer in self.decoder:
            assert isinstance(layer, DecoderLayer)
            cache.read.append(layer.cross.key_value(memory))
        return cache

    def step(self, inputs: Int[Tensor, "B T"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after the last of some tokens that go on with what a cache holds; it grows by these."""
        x = self.written(self.inputs(inputs, cache.length))
        for layer in self.decoder:
            x = layer(x, None, cache.mask, cache)
        cache.length += inputs.size(1)
        return self.unembed(x[:, -1])

    def inputs(self, tokens: Int[Tensor, "B T"], start: int) -> Float[Tensor, "B T C"]:
        """Embeddings times √C, plus positions from `start` on."""
        end = start + tokens.size(1)
        if end > self.config.n_ctx:
            raise ValueError(f"{end} tokens do not fit the context (n_ctx={self.config.n_ctx}): give fewer")
        x = self.embed(tokens) * math.sqrt(self.config.n_embd) + self.positions[start:end]
        out: Tensor = self.dropout(x)
        return out

    def unembed(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The decoder's last layer to logits, by the table of embeddings."""
        return F.linear(x, self.embed.weight, self.logits_bias)


@torch.no_grad()
def initialise(model: Seq2Seq, seed: int) -> None:
    """Draw every weight from `seed`: matrices Glorot-uniform, each of the three in `qkv` by itself; biases 0.

    Embeddings are normal with a standard deviation of 1/√C, so that they are of size 1 once they are scaled, and so are
    the logits of a normalised stream.
    """
    generator, width = torch.Generator().manual_seed(seed), model.config.n_embd
    for name, p in model.named_parameters():
        if p.ndim == 1:
            p.fill_(0.0 if name.endswith("bias") else 1.0)
        elif name == "embed.weight":
            p.copy_(torch.empty(p.shape).normal_(0, width**-0.5, generator=generator))
        else:
            rows = width if name.endswith("qkv.weight") else p.size(0)
            bound = math.sqrt(6 / (rows + p.size(1)))
            p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=generator))
