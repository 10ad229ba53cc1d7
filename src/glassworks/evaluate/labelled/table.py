"""What `evaluate_labelled` found, in lines for a terminal."""

from collections.abc import Mapping
from typing import Any

from glassworks.core.columns import aligned, fold
from glassworks.evaluate.labelled.figures import JUDGED_BY, MEASURES
from glassworks.evaluate.labelled.verdict import away, conclusions, digits, number, shown

COLUMNS = {
    "classes": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier"),
    "number": ("rmse", "mae", "r2", "pinball_50", "coverage"),
}
CLASSES, MISTAKES = 12, 5
"""Of these the worst are told here; the file has all."""


def table(result: Mapping[str, Any], width: int | None = None) -> str:
    """Each predictor a line, in lines of `width`; then calibration, classes, mistakes, notes, and the verdict."""
    name = JUDGED_BY[result["task"]]
    columns = [column for column in COLUMNS[result["task"]] if column in result["metrics"]]
    unit = ", points" if MEASURES[name].unit == "share" else ""
    rows = [["", *(MEASURES[c].title for c in columns), f"network − row, 95 %{unit}", ""]]
    for row in ({"name": "network", "metrics": result["metrics"]}, *result["rivals"]):
        difference = row.get("difference", {}).get(name, {})
        cells = [row["name"], *(number(row["metrics"].get(c, {}).get("value"), c) for c in columns)]
        rows.append([*cells, between(difference, name), difference.get("verdict", "").removesuffix(" to tell")])
    seen = [f"{row['name']}: {row['note']}" for row in result["rivals"]]
    paragraphs = [*of_network(result)], seen, result["notes"], conclusions(result)
    lines = aligned(rows, width=width, right=range(1, len(columns) + 1))
    for paragraph in filter(None, paragraphs):
        lines += ["", *(line for text in paragraph for line in fold(text, width, "  "))]
    return "\n".join(lines)


def between(difference: Mapping[str, Any], name: str) -> str:
    """Where the interval of a difference begins and ends."""
    if not difference:
        return ""
    if difference["low"] is None:
        return "unknown"
    if MEASURES[name].unit == "share":
        return f"{100 * difference['low']:+.1f} to {100 * difference['high']:+.1f}"
    return f"{digits(difference['low'], '+')} to {digits(difference['high'], '+')}"


def of_network(result: Mapping[str, Any]) -> list[str]:
    """The network by itself."""
    examples = f"{result['examples']:,} test examples"
    metrics = result["metrics"]
    lines = [f"{MEASURES[name].title} {shown(metrics[name], name)}" for name in metrics]
    said = [f"On {examples}: {'; '.join(lines)}."]
    if result["task"] == "classes":
        said += [calibrated(result["calibration"]), *weakest(result)]
    return said + [most_mistaken(result)] * bool(result["mistakes"])


def calibrated(found: Mapping[str, Any]) -> str:
    """How far the probabilities can be believed, and what a temperature mends."""
    said = f"Calibration: {ece_beside_chance(found['before'])}; "
    if found["temperature"] is None:
        return f"{said}no temperature, for {found['why_none']}."
    gain = found["gain"]["log_loss"]
    by = digits(abs(gain["value"])) if gain["low"] is None else away(gain, "log_loss")
    sure = "" if gain["verdict"] in ("beats", "loses") else ", which may be chance,"
    return (
        f"{said}the temperature {found['temperature']:.3g} of the validation part "
        f"{'lowers' if gain['value'] < 0 else 'raises'} the log loss by {by}{sure} and leaves "
        f"{ece_beside_chance(found['after'])}."
    )


def ece_beside_chance(found: Mapping[str, Any]) -> str:
    """An ECE and its control."""
    control = found["calibrated"]
    return (
        f"ECE {found['equal_width']['ece']:.4f} (a calibrated network has {control['mean']:.4f} by chance, above "
        f"{control['bound']:.4f} in 5 of 100 cases)"
    )


def weakest(result: Mapping[str, Any]) -> list[str]:
    """The classes that are found least, and what is taken for what most often."""
    known = sorted((c for c in result["per_class"] if c["recall"] is not None), key=lambda c: c["recall"])
    missed = [c for c in known if c["recall"] < 1][:3]
    if not missed:
        return []
    found = []
    for c in missed:
        low, high = c["recall_low"], c["recall_high"]
        between = "" if low is None else f", {100 * low:.0f} to {100 * high:.0f}"
        found.append(f"{c['class']} ({number(c['recall'], 'accuracy')} of {c['examples']:,}{between})")
    cells = [
        (count, result["classes"][true], result["classes"][taken])
        for true, row in enumerate(result["confusion"])
        for taken, count in enumerate(row)
        if true != taken and count
    ]
    often = [f"{true} for {taken} ({count:,})" for count, true, taken in sorted(cells, key=lambda c: -c[0])[:3]]
    return [f"Least found: {', '.join(found)}. Most often taken: {', '.join(often)}."]


def most_mistaken(result: Mapping[str, Any]) -> str:
    """The first of the mistakes."""
    some = result["mistakes"][:MISTAKES]
    if result["task"] == "number":
        found = [f"{m['name']} ({digits(m['predicted'])} for {digits(m['true'])})" for m in some]
        return f"Largest errors: {', '.join(found)}."
    found = [f"{m['name']} ({m['predicted']}, {100 * m['probability']:.1f} %; it is {m['true']})" for m in some]
    return f"Most confident mistakes: {', '.join(found)}."
