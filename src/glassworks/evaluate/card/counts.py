"""How many examples there are of which class in which split, what the files were, and who is in which group."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.progress import counted
from glassworks.data.labelled.source import SPLITS, Source
from glassworks.evaluate.card.findings import Finding, first_of, percent, share
from glassworks.evaluate.card.whole import Whole

FEW, VERY_FEW = 10, 5
"""Test examples of a class below which its figures say little; of a split, below which they say next to nothing."""
UNEVEN = 10.0
"""Of the largest class to the smallest: from here on it is told."""
UNLIKELY = 1e-4


def class_counts(whole: Whole) -> dict[str, Any]:
    """Examples by split, and by class where there are classes; of numbers their quartiles."""
    examples = {split: len(part) for split, part in zip(SPLITS, whole.parts, strict=True)}
    if whole.data.task == "number":
        quartiles = np.percentile(whole.targets, [0, 25, 50, 75, 100]).tolist()
        return {"examples": examples, "quartiles": quartiles}
    table = np.stack([np.bincount(part.targets, minlength=len(whole.data.classes)) for part in whole.parts])
    return {
        "examples": examples,
        "classes": {
            name: dict(zip(SPLITS, counts, strict=True))
            for name, counts in zip(whole.data.classes, table.T.tolist(), strict=True)
        },
    }


def class_findings(whole: Whole) -> list[Finding]:
    """Classes that are rare, and splits whose shares of them differ by more than chance."""
    if whole.data.task == "number":
        return []
    table = np.stack([np.bincount(part.targets, minlength=len(whole.data.classes)) for part in whole.parts])
    total = table.sum(0)
    there = np.flatnonzero(total)
    large, small = int(there[total[there].argmax()]), int(there[total[there].argmin()])
    names, findings = whole.data.classes, []
    if total[large] >= UNEVEN * total[small]:
        always = total[large] / total.sum()
        findings.append(Finding(
            "look", "balance",
            f"Class {names[large]!r} has {total[large] / total[small]:.0f} times as many examples ({total[large]:,}) "
            f"as {names[small]!r} ({total[small]:,}).",
            f"Who always says {names[large]!r} is right in {percent(always)}, and has a balanced accuracy of "
            f"{percent(1 / len(there))}.",
            "Judge by balanced accuracy or macro-F1, and train with --class-weights balanced.",
            {"ratio": float(total[large] / total[small]), "majority": float(always)},
        ))  # fmt: skip
    findings += few_findings(names, table[:, there], there)
    seen = table[:, there]
    likely = by_chance(seen)
    if likely < UNLIKELY:
        shares = seen / seen.sum(1, keepdims=True)
        apart = np.abs(shares - shares[0]).max(1)
        split = int(apart.argmax())
        k = int(np.abs(shares[split] - shares[0]).argmax())
        findings.append(Finding(
            "look", "balance",
            f"Classes are mixed otherwise in {SPLITS[split]} than in train: {names[there[k]]!r} is "
            f"{share(shares[split, k], 1)} there and {share(shares[0, k], 1)} of train.",
            f"By chance shares would differ so much once in {1 / max(likely, 1e-300):.0e} draws (chi-squared).",
            "Find out why: a score goes by the mix of what is judged.",
            {"p_value": likely},
        ))  # fmt: skip
    return findings


def few_findings(names: Sequence[str], table: NDArray[np.int64], there: NDArray[np.int64]) -> list[Finding]:
    """Classes of which the test, or validation, has so few examples that their figures say little."""
    held_out = [split for split in (1, 2) if table[split].any()]
    least = table[held_out].min(0) if held_out else np.full(len(there), FEW)
    rare = np.flatnonzero((table[2] < FEW) | (least < VERY_FEW))
    if not held_out or not len(rare):
        return []
    very = bool((least < VERY_FEW).any())
    rare = rare[np.argsort(least[rare], kind="stable")]
    counted = [
        f"{names[there[k]]!r}: {' and '.join(f'{table[split, k]:,} {SPLITS[split]}' for split in held_out)}"
        for k in rare.tolist()
    ]
    return [Finding(
        "look" if (table[2] < VERY_FEW).any() else "note", "balance",
        f"{len(rare):,} of {len(there):,} classes {'has' if len(rare) == 1 else 'have'} fewer than {FEW} test examples"
        f"{f', or fewer than {VERY_FEW} of a split' if very else ''} ({first_of(counted, 5)}).",
        f"Of {FEW} examples the 95 % interval of a recall is about ± 30 points wide, of {VERY_FEW} ± 40.",
        "Do not compare networks by these classes alone; hold more out by --validation or --test, or gather more.",
        {"classes": len(rare)},
    )]  # fmt: skip


def by_chance(table: NDArray[np.int64]) -> float:
    """How likely a table's rows differ so much if they are draws from the same (Pearson's chi-squared test)."""
    from scipy.special import gammaincc

    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    freedom = (len(table) - 1) * (table.shape[1] - 1)
    return float(gammaincc(freedom / 2, (np.square(table - expected) / expected).sum() / 2)) if freedom else 1.0


def file_findings(source: Source) -> list[Finding]:
    """What images were before they were brought to one size and one mode."""
    found, findings = source.found, []
    images = sum(found.get("modes", {}).values())
    if lost := found.get("unreadable"):
        findings.append(Finding(
            "serious", "images",
            f"{counted(len(lost), 'image')} cannot be read, the first {lost[0]}.",
            "", "Restore them, or train with --skip-unreadable: all else here is of the others.",
            {"unreadable": len(lost)},
        ))  # fmt: skip
    mixed = {name: found[name] for name in ("modes", "formats") if len(found.get(name, {})) > 1}
    if found.get("different_sizes", 1) > 1:
        sizes, number = found["sizes"], found["different_sizes"]
        common = next(iter(sizes))
        findings.append(Finding(
            "note", "images",
            f"The {images:,} images have {number:,} different sizes; the commonest, {common}, "
            f"{share(sizes[common], images)} of them.",
            "", "All are scaled to cover one size and their middle cut out: see that what matters is not cut away.",
            {"sizes": number},
        ))  # fmt: skip
    if found.get("cut"):
        findings.append(Finding(
            "note", "images",
            f"{found['cut']:,} of {images:,} images have another shape than what is read, so two of their sides are "
            "cut off: corners and borders looked at here are those of the middle, and a mark outside it is not seen.",
            "", "Bring images to one shape first if marks at their edges would matter where the network is used.",
            {"cut": found["cut"]},
        ))  # fmt: skip
    for name in ("modes", "formats"):
        if name in mixed:
            listed = ", ".join(f"{one} ({count:,})" for one, count in mixed[name].items())
            findings.append(Finding(
                "note", "images", f"Images are of several {name}: {listed}.",
                "", "See that no class has a kind of file of its own: a network would learn that instead.",
                {name: dict(mixed[name])},
            ))  # fmt: skip
    return findings


def group_findings(whole: Whole) -> tuple[list[Finding], dict[str, Any]]:
    """Groups that lie in several splits, and how many there are."""
    groups = whole.groups
    if groups is None:
        return [], {}
    different, index = np.unique(groups, return_inverse=True)
    inside = np.zeros((len(different), 3), bool)
    inside[index, whole.splits] = True
    crossing = np.flatnonzero(inside.sum(1) > 1)
    numbers = {"groups": len(different), "across": len(crossing)}
    if not len(crossing):
        return [], numbers
    held_out = int((np.isin(index, crossing) & (whole.splits > 0)).sum())
    return [Finding(
        "serious", "groups",
        f"{len(crossing):,} of {len(different):,} groups lie in several splits, with {held_out:,} examples held out.",
        "Where splits are drawn by group none does.",
        "Give every group to one split: what is alike within a group is learnt by heart.",
        numbers,
    )], numbers  # fmt: skip
