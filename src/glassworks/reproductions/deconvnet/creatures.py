"""Pictures of creatures, drawn from a seed: what the reproduction trains on where no other data are given.

A class is a fur (five) and a kind of eyes (two). Furs are fine stripes or checks, 4 to 6 pixels from one to the next,
so that a first layer with a large stride cannot carry them; what is behind a creature is of another one's fur, so that
it takes more than a texture anywhere. Eyes and nose lie at places that are known of every picture: those of a head that
is somewhere, large or small and turned.

Written once as IDX files, as MNIST's are, and read like any other data.
"""

import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from glassworks.core.files import atomic_folder

SIDE = 64
FURS, EYES = ("across", "along", "rising", "falling", "checks"), ("light", "dark")
CLASSES = tuple(f"{fur}, {eyes}" for fur in FURS for eyes in EYES)
PARTS = {"right eye": (-0.38, -0.25), "left eye": (0.38, -0.25), "nose": (0.0, 0.3)}
"""Where they lie on a head of radius 1: to the right, and down. A creature's right is at our left."""
AT_ONCE = 500

Array = np.ndarray


def write_creatures(folder: Path, train: int, test: int, seed: int) -> None:
    """Make the folder of IDX files, whole or not at all."""
    with atomic_folder(folder) as temporary:
        for i, (name, count) in enumerate((("train", train), ("t10k", test))):
            blocks = [
                creatures(min(AT_ONCE, count - first), (seed, i, first))[:2] for first in range(0, count, AT_ONCE)
            ]
            images, labels = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
            (temporary / f"{name}-images-idx3-ubyte").write_bytes(
                struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
            )
            (temporary / f"{name}-labels-idx1-ubyte").write_bytes(
                struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + labels.tobytes()
            )


def creatures(
    count: int, seed: int | tuple[int, ...], label: int | None = None
) -> tuple[UInt8[Array, "N H W"], UInt8[Array, " N"], dict[str, Int[Array, "N 4"]]]:
    """So many pictures, their classes, and where each one's parts lie: squares (top, left, bottom, right).

    Args:
        count: of pictures.
        seed: of all draws.
        label: the class of all; None = any.
    """
    draw = np.random.default_rng(seed)

    def uniform(low: float, high: float) -> Float[Array, "N 1 1"]:
        return draw.uniform(low, high, (count, 1, 1)).astype(np.float32)

    labels = draw.integers(len(CLASSES), size=count) if label is None else np.full(count, label)
    radius, turn = uniform(13, 18), uniform(-0.35, 0.35)
    column, row = SIDE / 2 + uniform(-9, 9), SIDE / 2 + uniform(-7, 9)
    y, x = np.mgrid[:SIDE, :SIDE][:, None].astype(np.float32)
    right, down = (
        ((x - column) * np.cos(turn) + (y - row) * np.sin(turn)) / radius,
        ((y - row) * np.cos(turn) - (x - column) * np.sin(turn)) / radius,
    )  # on a head of radius 1, (N, H, W)
    ground = fur(draw.integers(len(FURS), size=count), x, y, turn, uniform(4, 6), uniform(0, 7))
    coat = fur(labels // len(EYES), x, y, turn, uniform(4, 6), uniform(0, 7))
    picture = uniform(0.2, 0.5) + 0.1 * ground
    head, dark = np.hypot(right, down) < 1, (labels % len(EYES) == 1)[:, None, None]
    inside = head | ears(draw.integers(2, size=count), np.abs(right), down)
    picture = np.where(inside, uniform(0.45, 0.7) + 0.18 * coat, picture)
    for name, (over, below) in PARTS.items():
        away = np.hypot(right - over, down - below)
        if name == "nose":
            picture = np.where((away < 0.2) & (down - below < 0.08), 0.05, picture)
        else:
            picture = np.where(away < 0.27, np.where((away < 0.13) == dark, 1.0, 0.0), picture)
    picture = picture + 0.06 * draw.standard_normal(picture.shape, np.float32)
    return (255 * picture.clip(0, 1)).astype(np.uint8), labels.astype(np.uint8), squares(column, row, radius, turn)


def fur(kind: Int[Array, " N"], x: Array, y: Array, turn: Array, period: Array, phase: Array) -> Float[Array, "N H W"]:
    """A texture from -1 to 1, turned with the head."""
    angle = np.array([np.pi / 2, 0.0, np.pi / 4, -np.pi / 4, np.pi / 4])[kind][:, None, None] + turn
    wave = np.sin(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    other = np.sin(2 * np.pi / period * (y * np.cos(angle) - x * np.sin(angle)) + phase)
    found: Array = np.where((kind == FURS.index("checks"))[:, None, None], np.sign(wave * other), np.sign(wave))
    return found


def ears(kind: Int[Array, " N"], side: Array, down: Array) -> Array:
    """Where the ears are; both sides alike."""
    round_ones = np.hypot(side - 0.72, down + 0.85) < 0.42
    pointed = (down > -1.45) & (down < -0.4) & (np.abs(side - 0.72) < 0.42 * (down + 1.45) / 0.8)
    return np.where((kind == 0)[:, None, None], round_ones, pointed)


def squares(column: Array, row: Array, radius: Array, turn: Array) -> dict[str, Int[Array, "N 4"]]:
    """The square around each part: a half of the head's radius wide."""
    found = {}
    half = 7 // 2
    for name, (over, below) in PARTS.items():
        x = column + radius * (over * np.cos(turn) - below * np.sin(turn))
        y = row + radius * (over * np.sin(turn) + below * np.cos(turn))
        left, top = (np.rint(middle.reshape(-1)).astype(int) - half for middle in (x, y))
        found[name] = np.stack([top, left, top + 2 * half + 1, left + 2 * half + 1], 1).clip(0, SIDE)
    return found
