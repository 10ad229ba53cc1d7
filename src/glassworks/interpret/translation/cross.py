"""Where the decoder looks in the source while it writes, of a few pairs, beside an untrained network."""

from collections.abc import Sequence

import numpy as np
import torch

from glassworks.data.tokenizers.build import Tokenizer
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.translation.legends import CROSS_ATTENTION, PAIRS
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.trace.trace import Trace


@torch.no_grad()
def cross_attention(
    model: Seq2Seq, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], *, untrained: Seq2Seq | None = None
) -> Trace:
    """The attention to the source of up to three pairs, the target as it is given.

    Arrays, of pair 0: `weight_0` (layer, written, read), the mean over heads, with `untrained_0` beside it, and
    `heads_0` (layer, head, written, read). All are shares of attention, without a unit.

    Raises: ValueError without a pair, and for a text that is too long for the network.
    """
    if not pairs:
        raise ValueError("pairs is empty: give a source and its target")
    control = (untrained or Seq2Seq(model.config)).to(model.embed.weight.device)
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, tuple[str, ...]] = {}
    labels: dict[str, list[str]] = {}
    meta: dict[str, str | float | int] = {}
    for pair, (source, target) in enumerate(pairs[:PAIRS]):
        read = [*tokenizer.encode(source), model.config.end_id]
        written = [model.config.start_id, *tokenizer.encode(target)]
        heads = looks(model, read, written)
        arrays[f"weight_{pair}"] = heads.mean(1)
        arrays[f"untrained_{pair}"] = looks(control, read, written).mean(1)
        arrays[f"heads_{pair}"] = heads
        grid = f"written_{pair}", f"read_{pair}"
        axes |= dict.fromkeys((f"weight_{pair}", f"untrained_{pair}"), ("layer", *grid))
        axes[f"heads_{pair}"] = ("layer", "head", *grid)
        for name, ids in zip(grid, (written, read), strict=True):
            labels[name] = [tokenizer.token(id) for id in ids]
        meta |= {f"source_{pair}": source, f"target_{pair}": target}
    return Trace("cross_attention", arrays, axes, labels, meta, legend=CROSS_ATTENTION)


def looks(model: Seq2Seq, read: list[int], written: list[int]) -> np.ndarray:
    """(L, H, T, S) the pattern of every layer of the decoder."""
    device = model.embed.weight.device
    with capture(model, "decoder.*.cross.pattern") as seen:
        model(torch.tensor([read], device=device), torch.tensor([written], device=device))
        return np.stack([pattern[0].float().cpu().numpy() for pattern in seen.values()])
