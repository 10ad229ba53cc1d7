"""From numbers to places on paper: ticks, thinning, smoothing, and numbers as people write them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Real = float | int
Numbers = Sequence[Real] | np.ndarray


def ticks(low: Real, high: Real, count: int = 6) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) within [low, high]; `low` where none fit."""
    rough = (high - low) / max(count, 1)
    if not rough > 1e-300:  # steps of fewer digits than a float has
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: Real, high: Real, count: int = 6) -> list[float]:
    """Powers of ten within [low, high], every n-th where they are many, with 2 and 5 between where they are few."""
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    factors = (1,) if len(decades) > 3 else (1, 3) if len(decades) == 3 else (1, 2, 5)
    every = max(1, math.ceil(len(decades) / count))
    return [m * 10.0**d for d in decades[::every] for m in factors if low * 0.999 <= m * 10.0**d <= high * 1.001]


def span(values: Numbers, *, log: bool = False, pad: float = 0.05) -> tuple[float, float]:
    """A range with some room around all finite values (on a log scale: positive ones); (0, 1) or (1, 10) for none."""
    array = np.asarray(values, dtype=float).ravel()
    array = array[np.isfinite(array) & (array > 0 if log else True)]
    if not array.size:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = float(array.min()), float(array.max())
    if log:
        room = max(10 ** (pad * (math.log10(high) - math.log10(low))), 1.25)
        return low / room or low, max(high * room, math.nextafter(high, math.inf))  # the tiniest times 1.25 is itself
    room = pad * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def thin(x: Numbers, y: Numbers, buckets: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """At most four points a bucket: its first, smallest, largest and last, so that no peak is lost.

    Points that are not finite are kept out of the choice; a bucket of nothing else keeps its first as a gap.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(xs) <= 4 * buckets:
        return xs, ys
    keep: set[int] = set()
    for part in np.array_split(np.arange(len(xs)), buckets):
        finite = part[np.isfinite(ys[part])]
        if finite.size:
            keep |= {finite[0], finite[-1], finite[ys[finite].argmin()], finite[ys[finite].argmax()]}
        else:
            keep.add(part[0])
    chosen = np.array(sorted(keep))
    return xs[chosen], ys[chosen]


def smooth(y: Numbers, width: int) -> np.ndarray:
    """Centred mean over `width` neighbours (fewer at the ends); what is not finite counts for nothing."""
    values = np.asarray(y, dtype=float)
    if width < 2 or len(values) < 2:
        return values
    finite = np.isfinite(values)
    half = width // 2
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    number = counts[high] - counts[low]
    return np.where(number > 0, (sums[high] - sums[low]) / np.maximum(number, 1), np.nan)


def spread(places: Sequence[Real], gap: Real, low: Real, high: Real) -> list[Real]:
    """Move places apart until neighbours are `gap` away, in the same order and, if they fit, within [low, high]."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved: list[Real] = [0.0] * len(places)
    previous = low - gap
    for i in order:
        moved[i] = previous = max(places[i], previous + gap)
    following = high + gap
    for i in reversed(order):
        moved[i] = following = min(moved[i], following - gap)
    return moved


def evenly(total: int, most: int) -> list[int]:
    """Indices of at most `most` of `total` things: the first, the last, and evenly between."""
    count = min(total, most)
    return [round(i * (total - 1) / max(count - 1, 1)) for i in range(count)]


def left_out(*counts: tuple[int, int, str]) -> str:
    """A sentence on what there was no room for, from (shown, all, what); nothing where all is shown.

    >>> left_out((17, 31, "layers"), (12, 12, "heads"), (32, 40, "tokens"))
    ' Shown are 17 of 31 layers and 32 of 40 tokens.'
    """
    said = [f"{shown:,} of {total:,} {what}" for shown, total, what in counts if shown < total]
    return f" Shown are {' and '.join([*filter(None, [', '.join(said[:-1])]), *said[-1:]])}." if said else ""


# ----------------------------------------------------------------------------------------------------------------------
# Numbers as people write them


def short(number: Real) -> str:
    """At most three or four digits: 0.0012, 3.8, 980, 12k, 1.05M, 2.4e+15, −1.5."""
    if not math.isfinite(number):
        return "∞" if number > 0 else "−∞" if number < 0 else "not a number"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(number) < size * 1e3:
            return minus(f"{number / size:.3g}{unit}")
    return minus(f"{number:.3g}")


def figure(number: Real) -> str:
    """Three digits, or all of the part before the point: 0.0123, 4.63, 1,235, 1.2e−07; a dash for what is no number.

    >>> [figure(x) for x in (8.00872, -0.5, 1234.5, 0.0)]
    ['8.01', '−0.5', '1,234', '0']
    """
    if math.isnan(number):
        return "–"
    if math.isinf(number) or abs(number) >= 1e9:
        return short(number)
    return minus(f"{number:,.0f}" if abs(number) >= 999.5 else f"{number:.3g}")


def minus(number: str) -> str:
    """A number with the sign that is as wide as a digit."""
    return number.replace("-", "−")


def fixed(number: Real, decimals: int) -> str:
    """With a fixed number of decimals; a dash where there is no finite number."""
    return f"{number:.{decimals}f}" if math.isfinite(number) else "–"


def duration(seconds: Real) -> str:
    """< 0.01 s, 0.4 s, 48 s, 1 min 40 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return "–"
    if 0 < seconds < 0.01:
        return "< 0.01 s"
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(num_bytes: Real) -> str:
    """Bytes in binary units: 612 MiB."""
    if not math.isfinite(num_bytes):
        return "–"
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if num_bytes >= 1024**power:
            return (
                f"{num_bytes / 1024**power:.3g} {unit}"
                if num_bytes < 1000 * 1024**power
                else f"{num_bytes / 1024**power:.0f} {unit}"
            )
    return f"{num_bytes:.0f} bytes"


def numbers(rows: Sequence[dict[str, object]], x: str, y: str) -> tuple[list[float], list[float]]:
    """Columns `x` and `y` of the rows that have both keys; null, which stands for NaN and infinity, becomes NaN."""
    chosen = [row for row in rows if y in row and isinstance(row.get(x), int | float)]
    return [number(row[x]) for row in chosen], [number(row[y]) for row in chosen]


def number(value: object) -> float:
    """The value as a float; NaN for anything that is not a number."""
    return float(value) if isinstance(value, int | float) else math.nan


def plain(value: Any) -> str:
    """A JSON value as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return minus(f"{value:.6g}")
    if isinstance(value, int):
        return minus(f"{value:,}" if abs(value) >= 100_000 else str(value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ("; " if any(isinstance(one, dict) for one in value) else ", ").join(map(plain, value))
    return str(value)
