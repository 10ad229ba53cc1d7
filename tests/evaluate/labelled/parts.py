"""Labelled examples in memory, as a part of prepared data gives them."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Part:
    """Rows or images with their targets; it remembers how many were asked for at once."""

    rows: np.ndarray
    targets: np.ndarray
    groups: np.ndarray | None = None
    most: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(self, indices: np.ndarray) -> np.ndarray:
        self.most = max(self.most, len(indices))
        return self.rows[indices]

    def names(self, indices: np.ndarray) -> list[str]:
        return [f"row {i}" for i in indices]

    def some(self, indices: np.ndarray) -> "Part":
        """Some of them, by themselves."""
        return Part(self.rows[indices], self.targets[indices], None if self.groups is None else self.groups[indices])


def digits(number: int = 1797, *, seed: int = 0) -> tuple[Part, Part, Part]:
    """scikit-learn's digits as bytes: training, validation and test part, by 60, 20 and 20 of 100."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))[:number]
    pixels = (data.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    whole = Part(pixels, data.target[order].astype(np.int64))
    cuts = [int(0.6 * number), int(0.8 * number)]
    train, validation, test = (whole.some(part) for part in np.split(np.arange(number), cuts))
    return train, validation, test


def numbers(number: int = 600, *, seed: int = 0) -> tuple[Part, Part, Part]:
    """Numbers that depend on two of four features, one of them in a bent line."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(0, 1, (number, 4)).astype(np.float32)
    targets = 3.0 * rows[:, 0] + np.abs(rows[:, 1]) + generator.normal(0, 0.3, number)
    whole = Part(rows * [1, 100, 1, 0], targets)
    whole.rows = whole.rows.astype(np.float32)
    cuts = [int(0.6 * number), int(0.8 * number)]
    train, validation, test = (whole.some(part) for part in np.split(np.arange(number), cuts))
    return train, validation, test
