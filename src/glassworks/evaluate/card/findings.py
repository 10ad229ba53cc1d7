"""What a card has to say: a sentence with its number, its control, and what to do about it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["serious", "look", "note"]
LEVELS: tuple[Level, ...] = ("serious", "look", "note")
"""serious: a score on these data would be wrong. look: it may be. note: good to know."""


@dataclass(frozen=True)
class Finding:
    """Something found."""

    level: Level
    what: str
    """Of which kind: a key of `LOOKED_FOR` in `card`."""
    sentence: str
    control: str
    """What the number would be if there were nothing, in a sentence; "" where nothing can be by chance."""
    remedy: str
    numbers: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """The examples that it is about, each by its name; of copies those beside it, too."""

    def as_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def in_order(findings: list[Finding]) -> list[Finding]:
    """What matters most first; among those that matter alike, as they were found."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def first_of(names: Sequence[str], most: int) -> str:
    """The first of some names in a line: 'a.png, b.png and 3 others'; "" where there are none."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} other{'s' * (more > 1)}" if more > 0 else "")


def share(number: float | int, total: float | int) -> str:
    """A share in two digits: 3.1 %."""
    return f"{100 * number / total:.2g} %" if total else "0 %"


def percent(value: float) -> str:
    """A share in whole percent."""
    return f"{100 * value:.0f} %"


def are(number: int, noun: str, plural: str | None = None) -> str:
    """'1 image is', '3 images are'."""
    return f"{number:,} {noun} is" if number == 1 else f"{number:,} {plural or noun + 's'} are"
