"""What is said of near copies."""

from typing import Any

import numpy as np

from glassworks.data.labelled.source import SPLITS
from glassworks.evaluate.card.copies import NAMED, PAIRS
from glassworks.evaluate.card.findings import Finding, are
from glassworks.evaluate.card.near import QUERIES, REFERENCES, near_pairs
from glassworks.evaluate.card.whole import Whole

Array = np.ndarray


def near_findings(
    whole: Whole, firsts: Array, seed: int
) -> tuple[list[Finding], dict[str, Any], list[tuple[int, int]]]:
    """Pairs that are nearly the same: in sentences, as JSON has it, and those that are shown."""
    found = near_pairs(whole, firsts, seed)
    pairs = found.pairs
    mixed = whole.targets[pairs[:, 0]] != whole.targets[pairs[:, 1]]
    across = whole.splits[pairs[:, 0]] != whole.splits[pairs[:, 1]]
    held_out = {
        split: len(np.unique(pairs[across][(whole.splits[pairs[across]] == code)]))
        for code, split in enumerate(SPLITS)
        if code
    }
    numbers: dict[str, Any] = {
        "pairs": len(pairs), "mixed": int(mixed.sum()), "across": int(across.sum()), "held_out": held_out,
        "limit": found.limit, "usual": found.usual, "beyond": found.beyond, "compared": len(firsts),
    }  # fmt: skip
    order = np.lexsort([found.distances, ~across, ~mixed])[:PAIRS]
    shown = [(int(a), int(b)) for a, b in pairs[order].tolist()]
    if not len(pairs):
        return [], numbers, shown
    images = whole.data.kind == "images"
    if images:
        control = (
            f"Of {min(QUERIES, len(firsts)):,} images the nearest among {min(REFERENCES, len(firsts)):,} has a "
            f"correlation of {correlation(found.usual):.3f}, as the median; these have {correlation(found.limit):.3f} "
            "or more."
        )
    else:
        control = (
            f"In a column they differ by {100 * found.limit:g} % of its spread at most. Where rows are near by chance, "
            f"more pairs differ by up to twice that, and there are {found.beyond:,}."
        )
        if len(pairs) <= found.beyond + 3 * np.sqrt(found.beyond + 1):
            return [], numbers, shown
    named = tuple(
        " ~ ".join(whole.names(pair)) for pair in pairs[np.lexsort([found.distances, ~across, ~mixed])][:NAMED]
    )
    return [of(whole, numbers, control, images, named)], numbers, shown


def of(whole: Whole, numbers: dict[str, Any], control: str, images: bool, named: tuple[str, ...]) -> Finding:
    """The sentence on near copies."""
    noun = "image" if images else "row"
    how = "the same picture but for light, size or compression" if images else "equal but for rounding"
    said = "1 pair" if numbers["pairs"] == 1 else f"{numbers['pairs']:,} pairs"
    said += f" of {noun}s {'is' if numbers['pairs'] == 1 else 'are'} nearly the same ({how})"
    crossing = {split: count for split, count in numbers["held_out"].items() if count}
    if numbers["mixed"]:
        said += f", {numbers['mixed']:,} of them with different targets"
    if crossing:
        said += "; " + " and ".join(are(count, f"{split} {noun}") for split, count in crossing.items())
        said += " in another split, too"
    numeric = whole.data.task == "number"
    level = "serious" if crossing or (numbers["mixed"] and not numeric) else "look"
    return Finding(
        "serious" if level == "serious" else "look", "near_duplicates", f"{said}.", control,
        "Look at the pairs; keep one of each, or give both one group (--group), so that they stay together.", numbers,
        named,
    )  # fmt: skip


def correlation(distance: float) -> float:
    """Of two vectors of mean 0 and length 1 that are so far apart."""
    return 1 - distance**2 / 2
