"""Which examples are for training, for validation and for the test: by a hash of each alone, or as the source says.

An example's place is a number in [0, 1) that follows from the seed and what the example is (its content, or its group).
Below `test` it is for the test, from there to `test + validation` for validation, otherwise for training. So an example
that is added, taken away or moved moves no other, exact copies are always together, and the same thresholds hold for
every class: its shares are those asked for up to chance, a standard deviation of sqrt(share (1 - share) / examples).

By time the latest are the test, those before them the validation; examples of one instant stay together. What the
source itself says is kept; a split that it lacks is drawn from its training examples.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.progress import counted
from glassworks.data.batches import mix
from glassworks.data.labelled.source import SPLITS

U64 = NDArray[np.uint64]
Codes = NDArray[np.int8]
"""The split of each example: its index in `SPLITS`."""

TRAIN, VALIDATION, TEST = range(3)
FEW = 5  # classes that a sentence names
MANY = 20  # classes called as whole numbers, beyond which they are likely to be numbers


@dataclass(frozen=True)
class Shares:
    """How much is held out, and by which draw."""

    validation: float = 0.1
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be a share between 0 and 1")
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation (={self.validation}) and test (={self.test}) leave nothing to train on: their sum must be "
                "below 1"
            )


def keys_of(contents: Sequence[str] | NDArray[Any]) -> U64:
    """(N,) 64 bits of the BLAKE2b hash of each text or input: equal ones have equal keys."""
    raw: list[Any]
    if isinstance(contents, np.ndarray):
        content = np.ascontiguousarray(contents + 0.0 if contents.dtype.kind == "f" else contents)  # -0.0 is 0.0
        raw = list(content.reshape(len(content), -1).view(np.uint8))
    else:
        raw = [text.encode(errors="surrogatepass") for text in contents]
    digests = b"".join(hashlib.blake2b(one, digest_size=8).digest() for one in raw)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def places(keys: U64, seed: int) -> NDArray[np.float64]:
    """(N,) in [0, 1): where each key falls in the draw of a seed."""
    scrambled = mix(keys ^ mix(np.array([seed % 2**64], np.uint64)))
    return (scrambled >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drawn(codes: Codes, units: U64, shares: Shares, missing: Sequence[int]) -> Codes:
    """The splits where some are `missing`: these are drawn from what is for training, by what each unit hashes to."""
    place = places(units, shares.seed)
    test = shares.test if TEST in missing else 0.0
    validation = shares.validation if VALIDATION in missing else 0.0
    free = codes == TRAIN
    out = codes.copy()
    out[free & (place < test + validation)] = VALIDATION
    out[free & (place < test)] = TEST
    return out


def cuts_of(times: NDArray[np.float64], shares: Shares) -> tuple[float, float]:
    """From which times on an example is for validation, and for the test: as near to the shares as can be."""
    times = np.sort(times)
    test = cut_at(times, len(times) - round(shares.test * len(times)))
    before = times[times < test]
    return cut_at(before, len(before) - round(shares.validation * len(times))), test


def cut_at(times: NDArray[np.float64], wanted: int) -> float:
    """The time at which to cut sorted times nearest to an index, so that there is something on both sides."""
    instants, starts = np.unique(times, return_index=True)
    if len(instants) < 2:
        raise ValueError(
            f"a split by time needs three instants, and there are too few ({counted(len(times), 'example')} before the "
            "last cut): leave time out"
        )
    nearest = 1 + int(np.argmin(np.abs(starts[1:] - wanted)))
    return float(instants[nearest])


def check_counts(counts: NDArray[np.int64], units: int, what: str, shares: Shares) -> None:
    """Refuse splits without examples.

    Args:
        counts: (3,) examples of each split.
        units: how many different contents or groups there are, each of which is in one split.
        what: the source, for the message.
        shares: what was asked for.
    """
    empty = [name for name, count in zip(SPLITS, counts, strict=True) if not count]
    if empty:
        shared = "" if empty[0] == "train" else f" at a share of {getattr(shares, empty[0]):g}"
        of_units = f" ({units:,} different)" if units < counts.sum() else ""
        examples = counted(int(counts.sum()), "example")
        raise ValueError(
            f"{what}: of {examples}{of_units} none falls to {empty[0]}{shared}: give more, or other shares"
        )


def check_classes(counts: NDArray[np.int64], classes: Sequence[str], what: str, only: str | None) -> None:
    """Refuse classes that cannot be learnt.

    Args:
        counts: (3, K) examples of each split and class.
        classes: their names.
        what: the source, for the message.
        only: the example that is the only one of its class, where such are refused.
    """
    total = counts.sum(0)
    if np.count_nonzero(total) == 1:
        name = classes[int(np.argmax(total))]
        raise ValueError(f"{what}: the target is constant: every example is of class {name!r}: give two classes")
    if only is not None:
        alone = [classes[k] for k in np.flatnonzero(total == 1).tolist()]
        raise ValueError(
            f"{what}: {named_classes(alone)} one example only ({only}), to be both learnt from "
            f"and judged on: give more or leave it out{if_numbers(classes)}"
        )
    unlearnt = [classes[k] for k in np.flatnonzero((total > 0) & (counts[TRAIN] == 0)).tolist()]
    if unlearnt:
        raise ValueError(
            f"{what}: {named_classes(unlearnt)} no example in train, only in validation or test: give more examples, "
            "or other shares"
        )


def if_numbers(classes: Sequence[str]) -> str:
    """How to train on numbers where the names of classes are some: not all whole, or too many for classes."""
    try:
        numbers = [float(name) for name in classes]
    except ValueError:
        return ""
    if len(numbers) <= MANY and all(number.is_integer() for number in numbers):
        return ""
    return '; or, as the target looks like numbers, train on them by task="number"'


def class_notes(counts: NDArray[np.int64], classes: Sequence[str]) -> list[str]:
    """What (3, K) counts say that should not be silent, a sentence each: which classes a split lacks."""
    total = counts.sum(0)
    notes = []
    absent = [classes[k] for k in np.flatnonzero(total == 0).tolist()]
    if absent:
        notes.append(f"{named_classes(absent)} no example at all")
    for code in (VALIDATION, TEST):
        missing = [classes[k] for k in np.flatnonzero((total > 0) & (counts[code] == 0)).tolist()]
        if missing:
            notes.append(f"{named_classes(missing)} no example in {SPLITS[code]}, for want of examples")
    return notes


def named_classes(names: Sequence[str]) -> str:
    """'class 'a' has', 'classes 'a', 'b' and 7 more have'."""
    listed = ", ".join(repr(name) for name in names[:FEW])
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return f"class {listed} has" if len(names) == 1 else f"classes {listed}{more} have"


def share_note(counts: NDArray[np.int64], how: str, units: int) -> str:
    """How many of (3, K) examples each split has, as a share of all and by class; and of what, if that is coarse."""
    total = counts.sum(0)
    parts = [f"{int(counts[TRAIN].sum()):,} train"]
    for code in (VALIDATION, TEST):
        part = counts[code].sum()
        share = counts[code][total > 0] / total[total > 0]
        by_class = f", by class {share.min():.1%} to {share.max():.1%}" if len(share) > 1 else ""
        parts.append(f"{int(part):,} {SPLITS[code]} ({part / total.sum():.1%}{by_class})")
    coarse = f"; equal ones stay together, and only {units:,} are different" if 2 * units < total.sum() else ""
    return f"split {how}: {', '.join(parts)}{coarse}"
