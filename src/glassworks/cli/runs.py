"""`glassworks runs`: what there is, or how some runs differ; as a table, JSON, CSV or a page of curves."""

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments

if TYPE_CHECKING:
    from glassworks.core.runs import Run


SHOWN_AS = {
    "accuracy": (100, ".1f", " %"),
    "exact": (100, ".1f", " % exact"),
    "rmse": (1, ".4g", " RMSE"),
    "return": (1, ".1f", " return"),
}
"""Of a test: what it is multiplied by, its digits and its unit."""


@dataclass(frozen=True)
class Runs:
    """List the runs below runs/, the newest last; or, given names, compare them, then the settings that differ."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")] = ()
    """Runs to compare."""
    root: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """The folder to list."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the same as JSON, with every setting: a list of objects, one a run."""
    csv: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the runs' metrics as CSV, a line for each step logged."""
    html: Path | None = None
    """Write a page that draws the runs' curves over one another."""


def run(arguments: Arguments) -> None:
    """Parse, read, print."""
    args = arguments.parse(Runs, "runs")
    from glassworks.core.called import command
    from glassworks.core.facts import facts
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.runs import Run, all_runs

    if args.json and args.csv:
        raise ValueError("--json and --csv are two ways to print: leave one out")
    if not args.root.is_dir() and (args.root.exists() or args.root != Runs.root):
        raise ValueError(f"root (={args.root}) is not a folder: give the one that holds runs")
    if args.html is not None:
        refuse_unwritable(args.html)
    inside = [args.root / name if name and (args.root / name).is_dir() else name for name in args.names]
    runs = [Run.open(name) for name in inside] or all_runs(args.root)
    if args.json:
        print(json.dumps([facts(run) for run in runs], indent=2, ensure_ascii=False))
    elif args.csv:
        print_metrics(runs)
    elif not runs:
        print(f"no runs below {args.root} yet: {command('demo')} makes one")
    else:
        print_runs(runs, compared=len(args.names) > 1)
    if args.html is not None:
        from glassworks.report.runs_page import write_runs_page

        print(write_runs_page(runs, args.html), file=sys.stderr if args.json or args.csv else sys.stdout)


def print_runs(runs: list["Run"], *, compared: bool) -> None:
    """The table, and if they are compared, the settings that differ."""
    from glassworks.core.facts import facts
    from glassworks.core.runs import started_from

    records = [facts(run) for run in runs]
    heads = ["run", "state", "steps", "params", "tokens", "held-out bits/byte", "tokens/s", "time"]
    rows = with_values([heads, *map(summary, records)])
    if any(tests := [tested(each.get("test") or {}) for each in records]):
        rows = [[*row, test] for row, test in zip(rows, ["test, 95 %", *tests], strict=True)]
    if any(parents := [started_from(each) or "" for each in records]):
        rows = [[*row, parent] for row, parent in zip(rows, ["started from", *parents], strict=True)]
    print_table(rows)
    for each in records:
        if "why" in each:
            print(f"{each['name']}: {each['why']}")
    if different := judged_on_different(records):
        print(f"scores are of different {different}, so they say nothing of which run is better")
    if compared:
        from glassworks.report.differences import differing

        rows = differing(records)
        print("\nsettings that differ" if rows else "\nall settings are the same")
        if rows:
            print_table([["", *(each["name"] for each in records)], *rows])


def with_values(rows: list[list[str]]) -> list[list[str]]:
    """A table, its heads first, without the columns in which no row has anything."""
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in kept] for row in rows]


def judged_on_different(records: list[dict[str, Any]]) -> str:
    """On what runs with a score of the same kind were measured, if not on the same: texts, examples, both, or ""."""
    texts = [each["settings"] for each in records if each.get("held_out")]
    examples = {each["examples"] for each in records if each.get("test")}
    held_out = {str([settings.get(key) for key in ("data", "held_out", "split")]) for settings in texts}
    found = [("held-out texts", len(held_out) > 1), ("test examples", len(examples) > 1)]
    return " or ".join(what for what, differ in found if differ)


def tested(metrics: Mapping[str, Any]) -> str:
    """How good a network of labelled data or of pairs is, with its interval.

    >>> tested({"accuracy": {"value": 0.99, "low": 0.98, "high": 1.0}})
    '99.0 %, 98.0 to 100.0'
    """
    name = next((name for name in SHOWN_AS if name in metrics), "")
    value, low, high = (metrics.get(name, {}).get(key) for key in ("value", "low", "high"))
    if value is None:
        return ""
    times, digits, unit = SHOWN_AS[name]
    between = "" if low is None or high is None else f", {times * low:{digits}} to {times * high:{digits}}"
    return f"{times * value:{digits}}{unit}{between}"


def summary(record: dict[str, Any]) -> list[str]:
    """One row of the list."""
    from glassworks.core.progress import seconds
    from glassworks.draw.scales import short

    if "step" not in record:  # damaged
        return [record["name"], record["state"], *[""] * 6]
    score, result, step, steps = record["held_out"] or {}, record["result"] or {}, record["step"], record["steps"]
    bits, error = score.get("bits_per_byte"), score.get("bits_per_byte_se")
    bits = "" if bits is None else f"{bits:.4f}" if error is None else f"{bits:.4f} ± {error:.4f}"
    return [
        record["name"],
        record["state"],
        f"{step or 0:,}/{steps:,}" if steps is not None else f"{step:,}" if step is not None else "",
        short(result["num_params"]) if "num_params" in result else "",
        short(result["tokens"]) if "tokens" in result else "",
        bits,
        f"{result['tokens_per_s']:,.0f}" if "tokens_per_s" in result else "",
        seconds(float(record["seconds"])) if record["seconds"] is not None else "",
    ]


def print_metrics(runs: list["Run"]) -> None:
    """Every row of metrics.jsonl, the run's name before it; a column for each number that any of them has."""
    rows = [{"run": run.name, **row} for run in runs for row in run.rows("metrics")]
    columns = dict.fromkeys(key for row in rows for key in row) or {"run": None, "step": None}
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell, or as the terminal has room for."""
    from glassworks.core.columns import aligned, terminal_width

    for line in aligned(rows, width=terminal_width()):
        print(line)
