"""Columns of a table that say too much, or nothing: leaks, ids, times after the fact, constants."""

from typing import Any

import numpy as np

from glassworks.data.labelled.source import Source
from glassworks.data.labelled.tables.encoding import Column, Encoding
from glassworks.data.labelled.tables.rows import listed
from glassworks.evaluate.card.alone import Alone, alone
from glassworks.evaluate.card.findings import Finding, percent
from glassworks.evaluate.card.whole import Whole

Array = np.ndarray
SAMPLE, WORK, FEWEST = 5000, 2_000_000, 500
"""Rows that a column is judged by at most, and rows x columns in all; but so many rows at least."""
LEAKS, STRONG = 0.97, 0.9
"""Skill of one column from which it is taken to be a leak, and from which it is told."""
UNIQUE = 50
"""Rows from which a column of whole numbers that are all different is one of ids."""
IDS = 100_000
"""Different rows that are looked at for ids."""
SHOWN = 20
LATER = 0.5
"""Share of rows in which a time lies after the row's own."""


def column_findings(
    whole: Whole, source: Source, firsts: Array, seed: int
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """What is found of a table's columns, in sentences; and the strongest ones, as JSON has it."""
    if whole.data.kind != "table" or "encoding" not in source.preprocessing:
        return [], []
    encoding = Encoding.from_json(source.preprocessing["encoding"])
    described = {column["name"]: column for column in source.found.get("columns", [])}
    scores = column_scores(whole, encoding, seed)
    strongest = sorted(scores, key=lambda name: -scores[name].skill)
    chance = max((one.control for one in scores.values()), default=0.0)
    findings = [leak(whole, encoding, name, scores[name], chance) for name in strongest if scores[name].skill >= STRONG]
    findings += id_findings(whole, firsts, encoding, described)
    findings += constant_findings(described)
    table = [{"name": name, "skill": scores[name].skill, "control": scores[name].control} for name in strongest[:SHOWN]]
    return findings, table


def places_of(encoding: Encoding) -> dict[str, tuple[Column, slice]]:
    """Each column with where its features are in a row."""
    ends = np.cumsum([0, *(len(column.features) for column in encoding.columns)]).tolist()
    return {
        column.name: (column, slice(start, end))
        for column, start, end in zip(encoding.columns, ends[:-1], ends[1:], strict=True)
    }


def column_scores(whole: Whole, encoding: Encoding, seed: int) -> dict[str, Alone]:
    """How well each column alone tells the target."""
    rows = int(np.clip(WORK // max(1, len(encoding.columns)), FEWEST, SAMPLE))
    indices = whole.sample(rows, seed)
    inputs, targets = whole.inputs(indices), whole.targets[indices]
    if whole.data.task == "classes" and len(np.unique(targets)) < 2:
        return {}
    return {
        name: alone(inputs[:, place].astype(np.float64), targets, whole.data.task, seed, linear=False)
        for name, (_, place) in places_of(encoding).items()
    }


def leak(whole: Whole, encoding: Encoding, name: str, found: Alone, chance: float) -> Finding:
    """The sentence on a column that tells nearly all."""
    column = places_of(encoding)[name][0]
    what = (
        f"explains {percent(found.skill)} of the target's variance"
        if whole.data.task == "number"
        else f"tells the class: {percent(found.skill)} of the way from chance to certainty"
    )
    time = column.kind == "time"
    return Finding(
        "serious" if found.skill >= LEAKS else "look", "time" if time else "column",
        f"{'The time' if time else 'Column'} {name!r} alone {what}.",
        f"With a shuffled target the best of {len(encoding.columns):,} columns reaches {percent(chance)}.",
        f"If {name} is known only once the target is, take it out of the table"
        + (": a time after the fact gives the outcome away." if time else "; if not, this data needs no network."),
        {"column": name, "skill": found.skill, "control": found.control, "best_control": chance},
    )  # fmt: skip


def id_findings(whole: Whole, firsts: Array, encoding: Encoding, described: dict[str, dict[str, Any]]) -> list[Finding]:
    """Columns that tell rows apart: unique whole numbers, or such that only rise."""
    if len(whole) < UNIQUE:
        return []
    inputs = whole.inputs(firsts[np.argsort(whole.rows[firsts])][:IDS])  # of copies one, in the table's order
    ids = [
        name
        for name, (column, place) in places_of(encoding).items()
        if column.kind == "number" and is_id(inputs[:, place.start].astype(np.float64), described.get(name, {}))
    ]
    left_out = [name for name, column in described.items() if column.get("id_like")]
    findings = []
    if ids:
        findings.append(Finding(
            "look", "ids",
            f"{listed(ids)}: whole numbers, different in every row, as an id or a row's number is.",
            "Numbers drawn from the same range would meet at least once.",
            "Take ids out of the table: a network may learn rows by them, or the order in which they were collected.",
            {"columns": ids},
        ))  # fmt: skip
    if left_out:
        findings.append(Finding(
            "note", "ids",
            f"{listed(left_out)}: told rows apart and {'are' if len(left_out) > 1 else 'is'} left out already.",
            "", "Nothing to do.", {"left_out": left_out},
        ))  # fmt: skip
    return findings


def is_id(values: Array, column: dict[str, Any]) -> bool:
    """Whether whole numbers are all different though their range is too narrow for that to be chance, or they rise."""
    low, high = column.get("min"), column.get("max")
    if column.get("missing") or not (isinstance(low, float) and isinstance(high, float)):
        return False
    if not (values == np.floor(values)).all() or len(np.unique(values)) < len(values):
        return False
    return len(values) ** 2 / (2 * max(1.0, high - low + 1)) > 7 or bool((np.diff(values) > 0).all())  # e**-7 < 0.001


def constant_findings(described: dict[str, dict[str, Any]]) -> list[Finding]:
    """Columns that say nothing."""
    constant = [name for name, column in described.items() if column.get("constant") or column.get("type") == "empty"]
    if not constant:
        return []
    are = "are" if len(constant) > 1 else "is"
    return [Finding(
        "note", "constant", f"{listed(constant)} {are} the same in every row, or empty, and left out.",
        "", "Nothing to do; if it should vary, look at how the table was made.", {"columns": constant},
    )]  # fmt: skip


def later_findings(source: Source) -> list[Finding]:
    """Times that lie after the time of their row, of a table with a column of times."""
    if "encoding" not in source.preprocessing:
        return []
    encoding = Encoding.from_json(source.preprocessing["encoding"])
    times = {name: one for name, one in places_of(encoding).items() if one[0].kind == "time"}
    if not times:
        return []
    later, known = dict.fromkeys(times, 0), dict.fromkeys(times, 0)
    for block in source.blocks():
        if block.times is None:
            return []
        for name, (column, place) in times.items():
            there = block.inputs[:, place.stop - 1] == 0 if column.missing else np.ones(len(block.inputs), bool)
            after = block.inputs[:, place.start].astype(np.float64) + column.offset - block.times
            known[name] += int(there.sum())
            later[name] += int((there & (after > 1e-3)).sum())
    return [
        Finding(
            "serious", "time",
            f"The time {name!r} lies after the row's own in {percent(later[name] / known[name])} of the "
            f"{known[name]:,} rows that have it.",
            "What was known when the row was made lies before.",
            f"Take {name} out: it was not known yet, and may give the outcome away.",
            {"column": name, "later": later[name], "rows": known[name]},
        )
        for name in times
        if known[name] and later[name] > LATER * known[name]
    ]  # fmt: skip
