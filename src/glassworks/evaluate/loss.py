"""How good a language model is on a whole held-out split: nats per token and bits per byte."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.progress import Report, counted, silent
from glassworks.data.store import Tokens
from glassworks.data.text.reading import share
from glassworks.evaluate.ratios import ratio
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import token_losses


@dataclass(frozen=True, eq=False)
class Documents:
    """What a score is summed from, (N,) each: what other predictors of the same documents are compared by."""

    nats: np.ndarray
    num_bytes: np.ndarray


@dataclass(frozen=True)
class SplitLoss:
    """The loss on a whole split. Standard errors are over documents; None when there is only one."""

    nats_per_token: float
    nats_per_token_se: float | None
    bits_per_byte: float
    """Total nats / ln 2 / UTF-8 bytes of the documents: comparable between tokenizers, unlike the loss per token. NaN
    where the tokenizer loses text: what is lost costs nothing, and the rate would be that of an easier text."""
    bits_per_byte_se: float | None
    num_tokens: int
    """Tokens predicted: those of the documents, without the separators."""
    num_bytes: int
    num_documents: int
    seconds: float
    documents: Documents | None = field(default=None, repr=False, compare=False)
    lost: float = 0.0
    """The share of the text that the tokenizer loses."""

    def figures(self) -> dict[str, Any]:
        """All but the documents, for a file; null for bits per byte that there are none."""
        fields = asdict(replace(self, documents=None))
        return {name: null_for_nan(value) for name, value in fields.items() if name != "documents"}

    def __str__(self) -> str:
        """One line: '1.7200 ± 0.0100 nats/token, 2.4814 ± 0.0144 bits/byte (111,540 tokens, 3 documents, 1.2 s)'."""
        nats = f"{self.nats_per_token:.4f}{plus_minus(self.nats_per_token_se)} nats/token"
        bits = f"{self.bits_per_byte:.4f}{plus_minus(self.bits_per_byte_se)} bits/byte"
        if self.lost:
            bits = f"no bits/byte: the tokenizer loses {share(self.lost)} of the text"
        size = f"{counted(self.num_tokens, 'token')}, {counted(self.num_documents, 'document')}"
        return f"{nats}, {bits} ({size}, {self.seconds:.1f} s)"


def null_for_nan(value: Any) -> Any:
    """A figure as a file has it: null for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def plus_minus(error: float | None) -> str:
    """A standard error as it follows a number; nothing when there is none."""
    return "" if error is None else f" ± {error:.4f}"


def split_loss(
    model: nn.Module,
    tokens: Tokens,
    *,
    batch_size: int,
    n_ctx: int | None = None,
    max_tokens: int | None = None,
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    progress: Report = silent,
) -> SplitLoss:
    """Predict each token of a split exactly once.

    The stream (<eot> document <eot> document ...) is cut into consecutive windows of `n_ctx`, as nanoGPT's data are:
    each token is predicted from the at most n_ctx tokens before it in its own window, on average half a window; the
    first of all from its separator. Windows cross documents, as they do in training. Separators are read but not
    scored: the score covers the bytes of the documents and nothing else, so that baselines which know no separators
    are measured on the same. Sums are float64; memory is constant but for one sum a document.

    Args:
        model: tokens (B, T) to logits (B, T, V). Its mode is restored.
        tokens: the split.
        batch_size: windows at a time.
        n_ctx: tokens a window; None = the model's own (`model.config.n_ctx`).
        max_tokens: score the first ones of the stream only, for a quick look; None = all. A document that is cut
            counts its bytes in proportion to its tokens.
        device: where the model is.
        autocast: dtype of matrix products; None or float32 = as they are.
        progress: told how many tokens of the stream are done.

    Raises: ValueError when the split has nothing to predict, RunError when a loss is not finite.
    """
    began, device = time.monotonic(), torch.device(device)
    width: int = n_ctx or cast(Any, model).config.n_ctx
    end = min(max_tokens or tokens.num_tokens, tokens.num_tokens)
    sizes, num_bytes = document_sizes(tokens, end)
    if not sizes.any():
        raise ValueError(f"{tokens.path} has no tokens to predict: hold out more of the corpus")
    lowered = autocast not in (None, torch.float32)
    with evaluating(model), torch.no_grad(), torch.autocast(device.type, autocast, enabled=lowered):
        nats = document_nats(model, tokens, end, width, batch_size, device, progress)
    nats_per_token, nats_per_token_se = ratio(nats, sizes)
    bits_per_byte, bits_per_byte_se = (math.nan, None) if tokens.lost else ratio(nats / math.log(2), num_bytes)
    return SplitLoss(
        nats_per_token=nats_per_token,
        nats_per_token_se=nats_per_token_se,
        bits_per_byte=bits_per_byte,
        bits_per_byte_se=bits_per_byte_se,
        num_tokens=int(sizes.sum()),
        num_bytes=round(num_bytes.sum()),
        num_documents=len(nats),
        seconds=time.monotonic() - began,
        documents=Documents(nats, num_bytes),
        lost=tokens.lost,
    )


def document_nats(
    model: nn.Module, tokens: Tokens, end: int, width: int, batch_size: int, device: torch.device, progress: Report
) -> np.ndarray:
    """Total nats of each document that begins before `end`, (N,) float64."""
    sums, scored = np.zeros(np.searchsorted(tokens.starts, end)), 0
    for start, inputs, targets in window_batches(tokens, end, width, batch_size):
        positions = np.arange(start + 1, start + 1 + targets.size)
        documents = tokens.document_at(positions)
        targets.flat[positions == tokens.starts[documents]] = -1  # separators do not count
        batch = torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)
        losses = token_losses(model, batch).flatten().cpu().double().numpy()
        if not np.isfinite(losses).all():
            name = tokens.names(int(documents[np.isfinite(losses).argmin()]))
            raise RunError(f"the loss on {name} is not finite: the weights have diverged, go back to a checkpoint")
        first, last = documents[0], documents[-1]
        sums[first : last + 1] += np.bincount(documents - first, losses, last + 1 - first)
        scored += int((targets >= 0).sum())
        progress(int(positions[-1]) + 1, loss=float(sums.sum()) / max(scored, 1))
    return sums


def document_sizes(tokens: Tokens, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and bytes of each document that begins before `end`, as far as it lies before it: (N,) each."""
    starts = tokens.starts[: np.searchsorted(tokens.starts, end) + 1]
    whole = np.diff(starts) - 1
    sizes = np.minimum(starts[1:], end) - starts[:-1] - 1
    return sizes, tokens.num_bytes[: len(sizes)] * sizes / np.maximum(whole, 1)


def window_batches(
    tokens: Tokens, end: int, width: int, batch_size: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Consecutive windows: position of the first input, inputs and targets (B, T) each; the last are smaller."""
    start = 0
    while (left := end - 1 - start) > 0:
        rows, columns = min(batch_size, left // width) or 1, min(width, left)
        stream = tokens.read(start, rows * columns + 1)
        yield start, stream[:-1].reshape(rows, columns), stream[1:].reshape(rows, columns).copy()
        start += rows * columns
