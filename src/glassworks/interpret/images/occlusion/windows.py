"""What becomes of a network's answer as a grey square moves over an image (Zeiler & Fergus 2013, section 4.2).

If the answer rests on the object, it goes where the object is covered; if the strongest feature map stands for a part
of it, its activation goes at the same places as its projection shows.

Letters: C H W channels, rows and columns of an image, N windows, n of them in a batch, K scores.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import logits_of
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.images.occlusion.reach import alike, find_reach, windows_at_once
from glassworks.interpret.images.scores import channels_last, check_images
from glassworks.interpret.images.units import check_targets

GREY = 0.5
OUTPUT = ""
"""The point which is the model's own output."""
FEW = 8
"""Windows for which it is not worth it to find out what they can reach."""
Score = Callable[..., Tensor]
"""Of the values at some points, each with a row for every occluded image: numbers (n,) or (n, K), a row for each."""


# ----------------------------------------------------------------------------------------------------------------------
# Windows


def windows_over(shape: Sequence[int], window: int, stride: int) -> Int[Tensor, "N 4"]:
    """Squares (top, left, bottom, right) side by side from the top left corner, the last ones cut at the edges.

    They lie in ceil((H - window) / stride) + 1 rows, and as many columns of W, so that each pixel is covered.

    >>> windows_over((3, 3), 2, 2).tolist()
    [[0, 0, 2, 2], [0, 2, 2, 3], [2, 0, 3, 2], [2, 2, 3, 3]]
    """
    check_sides(window, stride)
    spans = [
        [(first, min(first + window, size)) for first in range(0, max(size - window, 0) + stride, stride)]
        for size in shape[-2:]
    ]
    return squares(*spans)


def centred_windows(shape: Sequence[int], window: int, stride: int) -> Int[Tensor, "N 4"]:
    """Squares around the middle of each cell of stride × stride pixels, cut at the edges: what maps are drawn of.

    They lie in ceil(H / stride) rows and ceil(W / stride) columns.

    >>> centred_windows((4, 4), 4, 2).tolist()
    [[0, 0, 3, 3], [0, 1, 3, 4], [1, 0, 4, 3], [1, 1, 4, 4]]
    """
    check_sides(window, stride)
    before = (window - stride) // 2
    spans = [
        [(max(0, first - before), min(first - before + window, size)) for first in range(0, size, stride)]
        for size in shape[-2:]
    ]
    return squares(*spans)


def check_sides(window: int, stride: int) -> None:
    """Refuse windows that leave pixels uncovered."""
    check_count("window", window, 1)
    check_count("stride", stride, 1)
    if stride > window:
        raise ValueError(f"stride (={stride}) must be at most window (={window}): pixels between would not be covered")


NOTHING = torch.zeros(1, 4, dtype=torch.int64)
"""A window that covers nothing: the image as it is."""


def squares(rows: Sequence[tuple[int, int]], columns: Sequence[tuple[int, int]]) -> Int[Tensor, "N 4"]:
    """All pairs of a span of rows and one of columns."""
    return torch.tensor([(top, left, bottom, right) for top, bottom in rows for left, right in columns])


def occluded(
    image: Float[Tensor, "C H W"], windows: Int[Tensor, "n 4"], fill: float | Float[Tensor, " C"] = GREY
) -> Float[Tensor, "n C H W"]:
    """The image under each window."""
    covered = cover(image.shape, windows.to(image.device))[:, None]  # (n, 1, H, W)
    paint = torch.as_tensor(fill, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    return torch.where(covered, paint, image)


def cover(shape: Sequence[int], windows: Int[Tensor, "n 4"]) -> Tensor:
    """Which pixels (n, H, W) each window covers."""
    H, W = shape[-2:]
    top, left, bottom, right = (side[:, None] for side in windows.unbind(1))
    row, column = torch.arange(H, device=windows.device), torch.arange(W, device=windows.device)
    return ((row >= top) & (row < bottom))[:, :, None] & ((column >= left) & (column < right))[:, None]


# ----------------------------------------------------------------------------------------------------------------------
# Scores


@torch.no_grad()
def occluded_scores(
    model: nn.Module,
    image: Float[Tensor, "C H W"],
    windows: Int[Tensor, "N 4"],
    score: Score,
    *,
    points: Sequence[str] = (OUTPUT,),
    fill: float | Float[Tensor, " C"] = GREY,
    batch_size: int = 64,
) -> Float[Tensor, "N ..."]:
    """What a score says of an image under each of some windows.

    Args:
        model: any module that takes images (B, C, H, W).
        image: one image.
        windows: as (top, left, bottom, right), the last two not covered.
        score: is given the values at `points`, in their order, and returns a row for each occluded image.
        points: as `capture` takes them; "" is the model's output.
        fill: what covered pixels become: a number, or one for each channel.
        batch_size: occluded images to a forward pass.
    """
    check_count("batch_size", batch_size, 1)

    inner = [point for point in points if point != OUTPUT]

    def plain(few: Tensor) -> Tensor:
        with capture(model, inner) as seen:
            output = model(channels_last(occluded(image, few, fill)))
        return score(*(output if point == OUTPUT else seen[point] for point in points))

    reached = reached_scores(model, image, windows, score, points, fill, batch_size) if len(windows) > FEW else None
    if reached is not None:
        some = [0, len(windows) // 2, len(windows) - 1]
        expected = plain(windows[some])
        if alike(reached[some], expected):
            return reached
    return torch.cat([plain(few) for few in torch.split(windows, batch_size)])


def reached_scores(
    model: nn.Module,
    image: Tensor,
    windows: Tensor,
    score: Score,
    points: Sequence[str],
    fill: float | Tensor,
    batch_size: int,
) -> Tensor | None:
    """The same from what each window can reach; None where that is not known, or a point lies before its end."""
    filled = occluded(image, torch.tensor([[0, 0, *image.shape[1:]]]), fill)[0]
    reach = find_reach(model, image, windows, filled)
    if reach is None:
        return None
    scores, size = [], min(batch_size, windows_at_once(reach))
    for first in range(0, len(windows), size):
        last = min(first + size, len(windows))
        with capture(model, [point for point in points if point != OUTPUT]) as seen:
            output = reach.forward(first, last)
        values = [output if point == OUTPUT else seen[point] for point in points]
        if any(len(value) != last - first for value in values if isinstance(value, Tensor)):
            return None
        scores.append(score(*values))
    return torch.cat(scores)


@public
def occlusion_maps(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Int[Tensor, " B"],
    *,
    window: int = 8,
    stride: int = 4,
    fill: float = GREY,
    batch_size: int = 64,
) -> Float[Tensor, "B H W"]:
    """How much of its target's score each image loses where a pixel is covered, on average over the windows that do so.

    The score is the model's output for the target, before any softmax. It is what captum.attr.Occlusion gives with
    windows over all channels.

    Args:
        model: any module from images to outputs (B, K).
        images: as the model takes them.
        targets: a class for each image.
        window: pixels on a side of the squares; see `windows_over`.
        stride: pixels from one to the next.
        fill: what covered pixels become.
        batch_size: occluded images to a forward pass.
    """
    check_images(images)
    check_targets(targets, images)
    windows = windows_over(images.shape, window, stride)
    covered = cover(images.shape, windows).to(images)  # (N, H, W)
    maps = []
    for image, target in zip(images, targets.tolist(), strict=True):
        score = logit_of(target)
        scores = occluded_scores(model, image, torch.cat([NOTHING, windows]), score, fill=fill, batch_size=batch_size)
        maps.append(torch.einsum("w,whv->hv", scores[0] - scores[1:], covered) / covered.sum(0))
    return torch.stack(maps)


def logit_of(target: int) -> Score:
    """The model's output for a class."""
    return lambda outputs: logits(outputs, target)[:, target]


def logits(outputs: Any, target: int) -> Float[Tensor, "n K"]:
    """The outputs, of which one is for the class; or ValueError."""
    found = logits_of(outputs)
    if found.ndim != 2 or not 0 <= target < found.size(1):
        raise ValueError(f"targets (={target}) must be a class of the model's output {tuple(found.shape)}")
    return found
