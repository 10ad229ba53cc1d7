"""`glassworks runs`: what there is, or how some runs differ."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro


@dataclass(frozen=True)
class Runs:
    """List the runs below runs/; or, given names, compare them: results first, then the settings that differ."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Runs to compare."""
    root: Path = Path("runs")
    """The folder to list."""


def run(arguments: list[str]) -> None:
    """Parse, read, print."""
    args = tyro.cli(Runs, args=arguments, prog="glassworks runs")
    from glassworks.core.runs import Run, all_runs

    inside = [args.root / name if (args.root / name).is_dir() else name for name in args.names]
    runs = [Run.open(name) for name in inside] or all_runs(args.root)
    if not runs:
        print(f"no runs below {args.root} yet: glassworks demo makes one")
        return
    table = [["run", "state", "steps", "params", "tokens", "held-out bits/byte", "tokens/s", "time"]]
    print_table(table + [summary(run) for run in runs])
    if len(args.names) > 1:
        settings = [flat(run.record.get("recipe", {})) for run in runs]
        keys = dict.fromkeys(key for s in settings for key in s)
        differing = [key for key in keys if len({str(s.get(key)) for s in settings}) > 1]
        print("\nsettings that differ" if differing else "\nall settings are the same")
        print_table([[key, *(str(s.get(key)) for s in settings)] for key in differing])


def summary(run: Any) -> list[str]:
    """One row of the list."""
    from glassworks.core.errors import FileDamaged
    from glassworks.core.progress import seconds

    try:
        record, metrics, score = run.record, run.rows("metrics"), run.read_eval("held_out")
    except FileDamaged as error:
        return [run.name, f"damaged: {error}", *[""] * 6]
    result, steps = record.get("result"), record.get("plan", {}).get("steps")
    step = max(metrics[-1]["step"] if metrics else 0, result["step"] if result else 0)
    if "reproduction" in record:  # whose networks may be runs of their own, in folders below
        done = (run.path / "finding.json").exists()
    else:
        done = steps is None or (result is not None and step >= steps)
    bits = "" if score is None else f"{score['bits_per_byte']:.4f}"
    if score is not None and score["bits_per_byte_se"] is not None:
        bits += f" ± {score['bits_per_byte_se']:.4f}"
    return [
        run.name,
        "done" if done else "unfinished",
        f"{step:,}/{steps:,}" if steps is not None else f"{step:,}" if metrics else "",
        f"{result['num_params'] / 1e6:.2f}M" if result else "",
        f"{result['tokens'] / 1e6:.1f}M" if result else "",
        bits,
        f"{result['tokens_per_s']:,.0f}" if result else "",
        seconds(metrics[-1]["seconds"]) if metrics else "",
    ]


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"n_layer": 4}} -> {"model.n_layer": 4}."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def print_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
