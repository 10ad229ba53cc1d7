"""What is known of losses of depth."""

import math
from typing import Any

import torch
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor


def depths(draw: Generator) -> tuple[Tensor, Tensor]:
    one, two = 0.5 + 2 * torch.rand(2, 2, 5, 6, generator=draw, dtype=torch.float64)
    return one, two


def same_depths(draw: Generator) -> tuple[Tensor, Tensor]:
    one = depths(draw)[0]
    return one, one


def images(draw: Generator) -> tuple[Tensor, Tensor]:
    one, two = torch.rand(2, 2, 3, 5, 6, generator=draw, dtype=torch.float64)
    return one, two


def same_images(draw: Generator) -> tuple[Tensor, Tensor]:
    one = images(draw)[0]
    return one, one


def several(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.rand(3, 2, 3, 5, 6, generator=draw, dtype=torch.float64), images(draw)[1]


def one_fits(draw: Generator) -> tuple[Tensor, Tensor]:
    made, image = several(draw)
    return torch.cat([made[:2], image[None]]), image


def on_an_image(draw: Generator) -> tuple[Tensor, Tensor]:
    return depths(draw)[0], images(draw)[0]


def even(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.full((2, 5, 6), 1.5, dtype=torch.float64), images(draw)[0]


def even_both(draw: Generator) -> tuple[Tensor, Tensor]:
    return even(draw)[0], even(draw)[0]


def mirrored(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return one.flip(-1), two.flip(-1)


def upside_down(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return one.flip(-2), two.flip(-2)


def swapped(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return two, one


def ssim_by_hand(one: Tensor, two: Tensor) -> float:
    """Window by window, borders mirrored."""
    pad = torch.nn.ReflectionPad2d(1)
    a, b, found = pad(one), pad(two), []
    for n in range(2):
        for k in range(3):
            for i in range(5):
                for j in range(6):
                    x, y = a[n, k, i : i + 3, j : j + 3], b[n, k, i : i + 3, j : j + 3]
                    cov = (x * y).mean() - x.mean() * y.mean()
                    up = (2 * x.mean() * y.mean() + 0.01**2) * (2 * cov + 0.03**2)
                    low = x.mean() ** 2 + y.mean() ** 2 + 0.01**2
                    found.append(1 - (up / (low * (x.var(correction=0) + y.var(correction=0) + 0.03**2))).item())
    return sum(found) / len(found)


def aligned_by_lstsq(one: Tensor, two: Tensor) -> float:
    found = []
    for said, true in zip(one, two, strict=True):
        design = torch.stack([said.flatten(), torch.ones(30, dtype=torch.float64)], 1)
        fit = torch.linalg.lstsq(design, true.reshape(-1, 1)).solution
        found.append((design @ fit - true.reshape(-1, 1)).square().mean().item() / 2)
    return sum(found) / 2


FLIPS: dict[str, Any] = {"left and right": mirrored, "up and down": upside_down}
TWO = (f64([[1, math.e]]), f64([[1, 1]]))
FLAT = torch.full((1, 1, 3, 3), 0.5, dtype=torch.float64)
DIM = torch.full((1, 1, 3, 3), 0.25, dtype=torch.float64)
SIMILAR = (2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4)

CASES = {
    "scale_invariant": Case(
        depths,
        [(TWO, {}, 0.5 - 0.5 * 0.25), (TWO, {"variance": 1.0}, 0.25), (TWO, {"variance": 0.0}, 0.5)],
        same_depths,
        peers=[({"variance": 1.0}, lambda p, t: (p.log() - t.log()).flatten(1).var(1, correction=0).mean())],
        same={**FLIPS, "exchange": swapped},
    ),
    "berhu": Case(
        depths,
        [((f64([[0, 0]]), f64([[5, 0.5]])), {}, (13 + 0.5) / 2)],
        same_depths,
        same={**FLIPS, "exchange": swapped},
        stops=True,
    ),
    "edge": Case(
        depths,
        [((f64([[0, 1], [0, 1]]), f64([[0, 0], [0, 0]])), {}, 1.0)],
        same_depths,
        same={**FLIPS, "exchange": swapped, "a depth added": lambda p, t: (p + 3, t)},
    ),
    "scale_shift_invariant": Case(
        depths,
        [
            ((f64([[0, 1], [0, 1]]), f64([[5, 5], [5, 5]])), {}, 0.0),
            ((f64([[0, 1, 2]] * 2), f64([[0, 3, 0]] * 2)), {"gradients": 0.0}, 1.0),
        ],
        same_depths,
        peers=[({"gradients": 0.0}, aligned_by_lstsq)],
        same={"a scale and shift": lambda p, t: (3 * p - 7, t), "a sign": lambda p, t: (-p, t)},
    ),
    "smoothness": Case(
        on_an_image,
        [
            ((f64([[0, 1], [0, 1]]), torch.zeros(1, 1, 2, 2, dtype=torch.float64)), {}, 1.0),
            ((f64([[0, 1], [0, 1]]), f64([[0, 1], [0, 1]])[None]), {}, math.exp(-1)),
        ],
        even,
        same=FLIPS,
    ),
    "ssim_loss": Case(
        images,
        [((FLAT, DIM), {}, 1 - SIMILAR)],
        same_images,
        peers=[({}, ssim_by_hand)],
        same={**FLIPS, "exchange": swapped},
    ),
    "photometric": Case(
        images,
        [((FLAT, DIM), {}, 0.85 * (1 - SIMILAR) / 2 + 0.15 * 0.25)],
        same_images,
        peers=[
            ({"alpha": 0.0}, lambda a, b: (a - b).abs().mean()),
            ({"alpha": 1.0}, lambda a, b: ssim_by_hand(a, b) / 2),
        ],
        same={**FLIPS, "exchange": swapped},
    ),
    "minimum_reprojection": Case(
        several,
        [((torch.stack([DIM, FLAT]), FLAT), {}, 0.0), ((torch.stack([DIM, DIM]), FLAT), {"alpha": 0.0}, 0.25)],
        one_fits,
        peers=[({"alpha": 0.0}, lambda made, image: (made - image).abs().mean(2).amin(0).mean())],
        same={**FLIPS, "the order of views": lambda made, image: (made.flip(0), image)},
        made_of="",
    ),
    "left_right": Case(
        depths,
        [
            ((f64([[0, 1, 1, 0]]), f64([[1, 1, 3, 3]])), {}, (1 + 0 + 0 + 3) / 4),
            ((f64([[0, 0.5]]), f64([[2, 4]])), {}, (2 + 2.5) / 2),
        ],
        even_both,
        learned=2,
        same={"up and down": upside_down},
    ),
}
