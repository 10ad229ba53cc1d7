"""A model whose circuit is known, because it was put there by hand: what tools for finding circuits are tested on.

Two layers of gpt2's architecture complete repetitions: after "... A B ... A" they predict B. Head `a0.h0` attends to
the previous token and notes it down at each position; head `a1.h0` looks for the position whose note is the present
token, and copies the token there to the output. That is an induction head (Olsson et al. 2022). Token 0 begins a
sequence.

The stream's width has one part each for the token, the position, the note and the output, all one-hot. All other heads
and the MLPs hold small random weights. The circuit's edges are `CIRCUIT`, for inputs that differ in the earlier A or B.
"""

import torch

from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT, Block

CIRCUIT = {
    "first": [("embed", "a0.h0.v"), ("a0.h0", "a1.h0.k"), ("a1.h0", "logits")],
    "second": [("embed", "a1.h0.v"), ("a1.h0", "logits")],
}
"""Edges (writer, reader) that carry the difference if the inputs differ in the earlier A, or in the earlier B."""


@torch.no_grad()
def induction_model(*, size: int = 8, noise: float = 0.01, seed: int = 0) -> GPT:
    """The model for `size` tokens, of which 0 begins a sequence, and sequences of up to `size` tokens.

    `noise` is the standard deviation of all weights that are not the circuit's, drawn from `seed`.
    """
    if size < 4:
        raise ValueError(f"size (={size}) must be at least 4: a start, two tokens and one that repeats")
    config = GPTConfig("gpt2", size, size, n_layer=2, n_head=4, n_embd=4 * size, tied=False)
    model = GPT(config)
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            p.copy_(noise * torch.randn(p.shape, generator=generator))
        elif name.endswith("bias"):
            p.zero_()
    token, position, note, output = (slice(part * size, (part + 1) * size) for part in range(4))
    eye = torch.eye(size)
    model.embed.weight[:, token] = eye
    model.position.weight[:, position] = eye
    model.head.weight[:, output] = 4 * eye
    same = eye - 1 / size  # without the mean, which a norm shifts
    previous = same.roll(1, 0)  # the query of position t + 1 is the key of t
    previous[0] = 0
    plant(model.blocks[0], query=(position, previous.T), key=(position, same), value=(token, same), written=(note, eye))
    plant(model.blocks[1], query=(token, 2 * same), key=(note, same), value=(token, same), written=(output, eye))
    return model


Part = tuple[slice, torch.Tensor]


def plant(block: torch.nn.Module, *, query: Part, key: Part, value: Part, written: Part) -> None:
    """Let head 0 read and write parts of the stream: of each, where, and the matrix from there to the head or back."""
    assert isinstance(block, Block)
    attn = block.attn
    rows = torch.unflatten(attn.qkv.weight, 0, (3, attn.heads, attn.width))[:, 0]  # (3, D, C)
    rows.zero_()
    for kind, (where, matrix) in zip(rows, (query, key, value), strict=True):
        kind[:, where] = matrix
    where, matrix = written
    column = attn.proj.weight[:, : attn.width]
    column.zero_()
    column[where] = matrix
