"""Which rows of a population go together: both of each pair, where its second half mirrors the first."""

from collections.abc import Iterator
from itertools import pairwise


def some_rows(P: int, start: int, stop: int) -> list[int]:
    """About `start` to `stop` of P rows; of an even number, the same of both halves."""
    if P % 2:
        return list(range(start, min(P, stop)))
    half = range(start // 2, min(P // 2, (stop + 1) // 2))
    return [*half, *(P // 2 + i for i in half)]


def shares(P: int, workers: int) -> Iterator[list[int]]:
    """All rows in about equal shares, none of which is empty."""
    units, size = (P // 2, 2) if P % 2 == 0 else (P, 1)
    workers = min(workers, units)
    cuts = [size * (units * i // workers) for i in range(workers + 1)]
    for start, stop in pairwise(cuts):
        yield some_rows(P, start, stop)
