"""What a store's choices say, as a terminal shows it."""

from typing import Any

from glassworks.core.columns import listed


def lines(figures: dict[str, Any], width: int) -> list[str]:
    """A line for each figure with its interval and chance, then one for each annotator."""
    agreement, position = figures["agreement"], figures["position"]
    rows = {
        "comparisons": f"{figures['comparisons']:,}; {agreement['comparisons']:,} decided by several",
        "choices": f"{figures['choices']:,}",
        "human ceiling": f"{percent(agreement['decisive'])}, where both named a best",
        "agreement": f"{percent(agreement['raw'])}{chance(agreement['by_chance'])}",
        "alpha": f"{number(agreement['alpha'])}, {number(agreement['alpha_low'])} to {number(agreement['alpha_high'])}",
        f"{agreement['kappa_is']}'s kappa": number(agreement["kappa"]),
        "consistency": f"{percent(figures['consistency'])}, of what was asked twice",
        "first place": f"{percent(position['first'])} best{chance(position['by_chance'])}",
    }
    for one in figures["annotators"]:
        seconds = "" if one["seconds"] is None else f", {one['seconds'][1]:.1f} s each"
        counts = ", ".join(f"{one[name]} {what}" for name, what in COUNTS.items() if one[name])
        rows[one["name"]] = f"{one['choices']:,} choices{seconds}{f', {counts}' if counts else ''}"
    return listed(rows, width)


COUNTS = {"ties": "ties", "bad": "all bad", "skipped": "skipped"}


def percent(share: dict[str, Any]) -> str:
    """A share with its interval.

    >>> percent({"value": 0.75, "low": 0.6, "high": 0.86, "of": 40})
    '75 % (60 to 86 %, of 40)'
    """
    if share["value"] is None:
        return "not known yet"
    return f"{100 * share['value']:.0f} % ({100 * share['low']:.0f} to {100 * share['high']:.0f} %, of {share['of']:,})"


def chance(value: float | None) -> str:
    """What it is beside."""
    return "" if value is None else f"; by chance {100 * value:.0f} %"


def number(value: float | None) -> str:
    """Two decimals, or a dash."""
    return "–" if value is None else f"{value:.2f}"
