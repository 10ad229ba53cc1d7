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

SCORE = {"bits_per_byte?": float | None, "bits_per_byte_se?": float | None}
FIGURE = {"value?": float | None, "low?": float | None, "high?": float | None}
TEST = {"metrics?": {"accuracy?": FIGURE, "rmse?": FIGURE}}
ROW = {"step?": int, "seconds?": float | None}
"""What is read of a score, of text or of labelled data, and of a row of metrics, as `check_shape` takes it."""


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


def facts(run: "Run") -> dict[str, Any]:
    """What is known of a run, as plain values: its name and place, its state, its results and its settings."""
    from glassworks.core.config import check_shape
    from glassworks.core.errors import FileDamaged

    named = {"name": run.name, "path": str(run.path)}
    try:
        record, metrics, steps = run.record, run.rows("metrics"), run.steps
        score, test = run.read_eval("held_out"), run.read_eval("test")
        last = metrics[-1] if metrics else {}
        check_shape(score or {}, SCORE, str(run.eval_path("held_out")))
        check_shape(test or {}, TEST, str(run.eval_path("test")))
        check_shape(last, ROW, f"{run.path / 'metrics.jsonl'}, last line")
    except (FileDamaged, OSError, ValueError) as error:
        return {**named, "state": "damaged", "why": str(error)}
    result = record.get("result")
    step = max(last.get("step", 0), (result or {}).get("step", 0))
    settings = flat(record.get("recipe", {}))
    if "steps" in settings and steps is not None:
        settings["steps"] = steps  # what minutes came to
    scored = {
        key: value for key, value in (score or {}).items() if key not in ("baselines", "verdict", "advice", "seconds")
    }
    return {
        **named,
        "state": state(run, record, step),
        "step": step if metrics or result else None,
        "steps": steps,
        "seconds": last.get("seconds"),
        "held_out": scored or None,
        "test": (test or {}).get("metrics"),
        "examples": record.get("examples", {}).get("digest"),
        "result": result,
        "parent": record.get("parent"),
        "parent_step": record.get("parent_step"),
        "created": record.get("created"),
        "command": record.get("command"),
        "settings": settings,
        "computed": computed(record),
    }


def computed(record: Mapping[str, Any]) -> dict[str, Any]:
    """What was decided by the machine, as far as it is known yet."""
    known = {**record.get("plan", {}), **record.get("result", {})}
    return {key: known[key] for key in ("precision", "compile", "device", "threads", "ranks") if key in known}


def state(run: "Run", record: Mapping[str, Any], step: int) -> str:
    """How far a run is: done, unfinished, or while a process is at work on it, training; if that can be known."""
    from glassworks.core.kinds import KINDS

    if run.is_held:
        return "running" if "reproduction" in record else "training"
    if "reproduction" in record:  # whose networks may be runs of their own, in folders below
        done = (run.path / "finding.json").exists()
    elif run.steps is None and run.kind_name not in KINDS:  # a newer version's, or somebody's own
        return "unknown kind"
    else:
        done = run.steps is None or ("result" in record and step >= run.steps)
    return "done" if done else "unfinished"


def print_runs(runs: list["Run"], *, compared: bool) -> None:
    """The table, and if they are compared, the settings that differ."""
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
        from glassworks.cli.differences import differing

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
    """How good a network of labelled data is, with its interval.

    >>> tested({"accuracy": {"value": 0.99, "low": 0.98, "high": 1.0}})
    '99.0 %, 98.0 to 100.0'
    """
    name = "accuracy" if "accuracy" in metrics else "rmse"
    value, low, high = (metrics.get(name, {}).get(key) for key in ("value", "low", "high"))
    if value is None:
        return ""
    times, digits, unit = (100, ".1f", " %") if name == "accuracy" else (1, ".4g", " RMSE")
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


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"n_layer": 4}} -> {"model.n_layer": 4}."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        flattened |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flattened


def print_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell, or as the terminal has room for."""
    from glassworks.core.columns import aligned, terminal_width

    for line in aligned(rows, width=terminal_width()):
        print(line)
