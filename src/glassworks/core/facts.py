"""What is known of a run without loading anything of it: its state, its results, its settings; as plain values."""

from collections.abc import Mapping
from typing import Any

from glassworks.core.config import check_shape
from glassworks.core.errors import FileDamaged
from glassworks.core.kinds import KINDS
from glassworks.core.runs import Run

SCORE = {"bits_per_byte?": float | None, "bits_per_byte_se?": float | None}
FIGURE = {"value?": float | None, "low?": float | None, "high?": float | None}
TEST = {"metrics?": {"accuracy?": FIGURE, "rmse?": FIGURE, "exact?": FIGURE, "bleu?": FIGURE, "return?": FIGURE}}
ROW = {"step?": int, "seconds?": float | None}
"""What is read of a score, of text or of labelled data, and of a row of metrics, as `check_shape` takes it."""
TASKS = {"pairs": "translation", "policy": "return"}
"""Where a kind's score is that `runs` shows, if it is neither of text nor of labelled data."""


def facts(run: Run) -> dict[str, Any]:
    """What is known of a run, as plain values: its name and place, its state, its results and its settings."""
    named = {"name": run.name, "path": str(run.path)}
    try:
        record, last, steps = run.record, run.last("metrics"), run.steps
        score, task = run.read_eval("held_out"), TASKS.get(run.kind_name, "test")
        test = run.read_eval(task)
        check_shape(score or {}, SCORE, str(run.eval_path("held_out")))
        check_shape(test or {}, TEST, str(run.eval_path(task)))
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
        "step": step if last or result else None,
        "steps": steps,
        "seconds": last.get("seconds"),
        "held_out": scored or None,
        "test": (test or {}).get("metrics"),
        "examples": (record.get("examples") or record.get("pairs") or {}).get("digest"),
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


def state(run: Run, record: Mapping[str, Any], step: int) -> str:
    """How far a run is: done, unfinished, or while a process is at work on it, training; if that can be known."""
    if run.is_held:
        return "running" if "reproduction" in record else "training"
    if "reproduction" in record:  # whose networks may be runs of their own, in folders below
        done = (run.path / "finding.json").exists()
    elif run.steps is None and run.kind_name not in KINDS:  # a newer version's, or somebody's own
        return "unknown kind"
    else:
        done = run.steps is None or ("result" in record and step >= run.steps)
    return "done" if done else "unfinished"


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"n_layer": 4}} -> {"model.n_layer": 4}."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        flattened |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flattened
