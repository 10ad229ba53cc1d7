"""Exact copies: examples with equal inputs, within splits and across, and whether they have the same target."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt64

from glassworks.data.labelled.source import SPLITS
from glassworks.evaluate.card.findings import Finding, Level, are, share
from glassworks.evaluate.card.whole import Whole

Array = np.ndarray
PAIRS = 12
"""Pairs that are shown."""
NAMED = 10_000
"""Groups or examples of a kind that are named."""
SAMPLE = 20_000
"""Rows by which it is told how many would be equal by chance."""


@dataclass(frozen=True, eq=False)
class Copies:
    """Groups of examples with equal inputs."""

    order: Int[Array, " N"]
    """All examples, equal ones beside each other."""
    starts: Int[Array, " G"]
    """Where a group of two or more begins in that order."""
    sizes: Int[Array, " G"]
    mixed: Array
    """(G,) whether its targets differ."""
    across: Array
    """(G,) whether it lies in several splits."""

    def group(self, number: int) -> Int[Array, " n"]:
        """The examples of a group."""
        start = self.starts[number]
        return self.order[start : start + self.sizes[number]]

    def firsts(self, total: int) -> Int[Array, " n"]:
        """One example of each different input."""
        kept = np.ones(total, bool)
        for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True):
            kept[self.order[start + 1 : start + size]] = False
        return np.flatnonzero(kept)


def copies(whole: Whole) -> Copies:
    """Who equals whom, by the 64 bits of each input's hash."""
    keys = whole.keys
    order = np.argsort(keys, kind="stable")
    starts, sizes = runs(keys[order])
    targets, splits = whole.targets[order], whole.splits[order]
    differs = [
        np.array([len(np.unique(values[start : start + size])) > 1 for start, size in zip(starts, sizes, strict=True)])
        for values in (targets, splits)
    ]
    mixed, across = (values.astype(bool) for values in differs)
    return Copies(order, starts, sizes, mixed, across)


def runs(values: UInt64[Array, " N"]) -> tuple[Int[Array, " G"], Int[Array, " G"]]:
    """Where runs of two or more equal values begin in sorted ones, and how long they are."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    sizes = np.diff(np.append(starts, len(values)))
    return starts[sizes > 1], sizes[sizes > 1]


def shown(whole: Whole, found: Copies) -> list[tuple[int, int]]:
    """A pair of each of the first groups: of different targets first, then across splits, then of the largest."""
    order = np.lexsort([-found.sizes, ~found.across, ~found.mixed])[:PAIRS]
    return [pair_of(whole, found.group(number), bool(found.mixed[number])) for number in order.tolist()]


def pair_of(whole: Whole, group: Int[Array, " n"], mixed: bool) -> tuple[int, int]:
    """Two of a group: of different targets if there are any, else of different splits if there are, else the first."""
    by = whole.targets[group] if mixed else whole.splits[group]
    first, second = int(by.argmin()), int(by.argmax())
    return int(group[first]), int(group[second if second != first else 1])


def by_chance(whole: Whole, seed: int) -> tuple[int, int, int, bool]:
    """Of a sample of rows, how many equal an earlier one; the same where each column is shuffled by itself.

    Then the sample's size, and whether some column has so many values that different things are hardly ever equal.
    """
    rows = whole.inputs(whole.sample(SAMPLE, seed))
    rng = np.random.default_rng(seed)
    shuffled = np.stack([rng.permutation(column) for column in rows.T], 1)
    continuous = any(2 * len(np.unique(column)) > len(rows) - extra(rows) for column in rows.T)
    return extra(rows), extra(shuffled), len(rows), continuous


def extra(rows: Array) -> int:
    """How many rows equal an earlier one."""
    packed = np.ascontiguousarray(rows + 0.0)
    return len(rows) - len(np.unique(packed.view(np.dtype((np.void, packed.shape[1] * packed.itemsize)))))


def copy_findings(whole: Whole, found: Copies, seed: int) -> tuple[list[Finding], dict[str, Any]]:
    """What copies there are, in sentences, and as JSON has it."""
    noun = "image" if whole.data.kind == "images" else "row"
    findings, numbers = [], counts(whole, found)
    control, chance = "Two photographs of the same thing differ in some pixel: none are expected.", False
    if whole.data.kind == "table":
        real, shuffled, size, continuous = by_chance(whole, seed)
        chance = not continuous or real <= shuffled + 3 * np.sqrt(shuffled)
        control = f"Of {size:,} rows {real:,} equal an earlier one; with each column shuffled by itself, {shuffled:,}."
        numbers["chance"] = {"rows": size, "equal": real, "shuffled": shuffled}
    level: Level = "note" if chance else "serious"
    if numbers["mixed"]:
        findings.append(Finding(
            level, "duplicates",
            f"{are(numbers['mixed'], noun)} there several times with different targets: "
            "at least one of each is wrong.",
            control, "Look at each pair, and keep the one that is labelled rightly.", numbers,
            named(whole, found, found.mixed),
        ))  # fmt: skip
    for split in SPLITS[1:]:
        count, total = numbers["in_train"][split], len(whole.parts[SPLITS.index(split)])
        if count:
            findings.append(Finding(
                level, "duplicates",
                f"{are(count, f'{split} {noun}')} also in training: {share(count, total)} of {total:,}. "
                "Their score flatters.",
                control, f"Leave them out of {split} or of train, or let the split be drawn: "
                "then equal ones stay together.", numbers, named_in(whole, split),
            ))  # fmt: skip
    if numbers["examples"] and not findings:
        findings.append(Finding(
            "note" if chance else "look", "duplicates",
            f"{are(numbers['examples'], noun)} there several times ({numbers['groups']:,} different ones), with the "
            "same target and in the same split.",
            control, "Leave copies out where they are no examples of their own: they weigh double.", numbers,
            named(whole, found, found.sizes > 1),
        ))  # fmt: skip
    return findings, numbers


def named(whole: Whole, found: Copies, which: Array) -> tuple[str, ...]:
    """Of some groups the names of their members, with their targets where these differ."""
    said = []
    for number in np.flatnonzero(which)[:NAMED].tolist():
        group = found.group(number)
        names = whole.names(group)
        if found.mixed[number]:
            names = [f"{name} ({whole.target(int(i))})" for i, name in zip(group, names, strict=True)]
        said.append(" = ".join(names))
    return tuple(said)


def named_in(whole: Whole, split: str) -> tuple[str, ...]:
    """The examples of a split that are in training, too."""
    place = SPLITS.index(split)
    inside = np.flatnonzero(np.isin(whole.parts[place].keys, whole.data.train.keys))
    return tuple(whole.names(whole.starts[place] + inside[:NAMED]))


def counts(whole: Whole, found: Copies) -> dict[str, Any]:
    """How many copies there are."""
    in_train = {}
    train = np.unique(whole.data.train.keys)
    for split, part in zip(SPLITS[1:], whole.parts[1:], strict=True):
        in_train[split] = int(np.isin(part.keys, train).sum())
    return {
        "groups": len(found.sizes),
        "examples": int(found.sizes.sum()),
        "mixed": int(found.mixed.sum()),
        "across": int(found.across.sum()),
        "in_train": in_train,
    }
