"""A finding: a published result's figures beside those measured here, as a table and as a file.

Whether the two agree is decided here and nowhere else: within the row's tolerance, or rounding, they do; beyond it ours
is better or worse, or differs where neither direction is better. A row without a tolerance is not compared.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from glassworks.core.columns import aligned
from glassworks.core.config import from_dict
from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json, write_json, write_text

Better = Literal["lower", "higher", "same"]
ROUNDING = 1e-9
"""Of figures' own size: what lies closer than this is the same."""
UNFINISHED = "A quick run learns less than the source did, which may be all there is to it: repeat it without --quick."
HEAD = ("what", "published", "ours", "difference", "unit", "verdict", "note")
NUMBERS = (1, 2, 3)
"""The columns of numbers, which stand to the right."""


@dataclass(frozen=True)
class Row:
    """One figure.

    >>> Row("dev loss", published=2.105, ours=2.104, tolerance=0.01).verdict
    'agrees'
    """

    what: str
    published: float | None = None
    """The source's figure. None = it prints none."""
    ours: float | None = None
    """As measured. None = not measured in this run."""
    unit: str = "nats"
    better: Better = "lower"
    """Which direction is better; same = neither."""
    tolerance: float | None = None
    """The difference that still counts as agreement, in the row's unit. None = the two are not compared."""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse what no table can show."""
        if not self.what:
            raise ValueError("what (='') must name the figure")
        if self.better not in ("lower", "higher", "same"):
            raise ValueError(f"better (={self.better!r}) must be lower, higher or same")
        for name in ("published", "ours"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} (={value}) of {self.what!r} must be finite, or None where there is no figure")
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance (={self.tolerance}) of {self.what!r} must be 0 or more, or None")

    @property
    def difference(self) -> float | None:
        """Ours minus the published figure, if there are both."""
        return None if self.ours is None or self.published is None else self.ours - self.published

    @property
    def verdict(self) -> str:
        """agrees, better, worse or differs; empty where nothing is compared."""
        if self.difference is None or self.tolerance is None:
            return ""
        if abs(self.difference) <= self.tolerance + ROUNDING * max(abs(self.published or 0), abs(self.ours or 0)):
            return "agrees"
        if self.better == "same":
            return "differs"
        return "better" if (self.difference < 0) == (self.better == "lower") else "worse"


@dataclass(frozen=True)
class Finding:
    """What a reproduction found."""

    title: str
    source: str
    """The paper or lecture."""
    url: str
    rows: tuple[Row, ...]
    quick: bool = False
    """Whether less was computed than the source did: its figures then stand beside ours without being comparable."""
    notes: tuple[str, ...] = ()
    """What a reader of the table must know: other data, fewer steps, how tolerances were chosen."""

    @property
    def summary(self) -> str:
        """One sentence: how many figures were compared, and each that does not agree."""
        compared = [row for row in self.rows if row.verdict]
        if not compared:
            return "Nothing is compared with the published figures; the notes say why."
        parts = [f"{len(compared)} figure{'s' * (len(compared) != 1)} compared: {counted(compared, 'agrees')}"]
        for verdict in ("better", "worse", "differs"):
            if names := ", ".join(f"{row.what!r}" for row in compared if row.verdict == verdict):
                parts.append(f"{counted(compared, verdict)} ({names})")
        text = "; ".join(parts) + "."
        short = self.quick and any(row.verdict == "worse" for row in compared)  # what differs learning does not mend
        return f"{text} {UNFINISHED}" if short else text

    def table(self, width: int | None = None) -> str:
        """Title, source, notes, the rows and the summary, for a terminal of `width` columns."""
        lines = aligned([HEAD, *map(texts, self.rows)], width=width, right=NUMBERS)
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([*self.preamble(), "", *lines, "", self.summary])

    def markdown(self) -> str:
        """The same for a document."""
        cells = [HEAD, ("---", "---:", "---:", "---:", "---", "---", "---"), *map(texts, self.rows)]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        title, *rest = self.preamble()
        return "\n".join([f"# {title}", "", *(f"{text}  " for text in rest), "", *lines, "", self.summary, ""])

    def preamble(self) -> list[str]:
        """Title, source and notes."""
        quick = ["QUICK: less was computed than in the source; rows without a verdict are not comparable."]
        return [self.title, f"Source: {self.source}, {self.url}", *(quick if self.quick else []), *self.notes]

    def save(self, path: Path) -> None:
        """Write `path` (JSON) and the same name with .md, each atomically."""
        write_json(path, dataclasses.asdict(self))
        write_text(path.with_suffix(".md"), self.markdown())

    @classmethod
    def load(cls, path: Path) -> "Finding":
        """Read what `save` wrote; `FileDamaged` when it is something else."""
        fields = read_json(path)
        try:
            rows = tuple(from_dict(Row, row, "rows.") for row in fields["rows"])
            notes = tuple(str(note) for note in fields["notes"])
            plain: dict[str, Any] = {name: value for name, value in fields.items() if name not in ("rows", "notes")}
            return cls(rows=rows, notes=notes, **plain)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileDamaged(f"{path} is not a finding ({error}): delete it and repeat the reproduction") from error


def counted(rows: Sequence[Row], verdict: str) -> str:
    """How many rows have a verdict, as a clause: '1 agrees', '2 agree', '1 is worse'."""
    count = sum(row.verdict == verdict for row in rows)
    if verdict in ("agrees", "differs"):
        return f"{count} {verdict if count == 1 else verdict.removesuffix('s')}"
    return f"{count} {'is' if count == 1 else 'are'} {verdict}"


# ----------------------------------------------------------------------------------------------------------------------
# The table's cells


def texts(row: Row) -> tuple[str, ...]:
    """A row's cells."""
    difference = "" if row.difference is None else number(row.difference, sign=True)
    return (row.what, figure(row.published), figure(row.ours), difference, row.unit, row.verdict, row.note)


def figure(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else number(value)


def number(value: float, *, sign: bool = False) -> str:
    """Four decimals; powers of ten for what they would hide.

    >>> number(2.07), number(4.88e-5), number(-0.0123, sign=True)
    ('2.0700', '4.88e-05', '-0.0123')
    """
    plus = "+" if sign else ""
    small = value != 0 and abs(value) < 1e-2 and not sign
    return format(value, plus + (".2e" if small or 0 < abs(value) < 5e-5 or abs(value) >= 1e5 else ".4f"))
