"""What a run's folder holds for the report, however much of it is there."""

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from glassworks.core.config import check_shape
from glassworks.core.errors import FileDamaged, GlassworksError
from glassworks.core.kinds import KINDS, Kind
from glassworks.core.runs import ROOT, Run
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.draw.code import is_code
from glassworks.draw.scales import number, numbers
from glassworks.trace.trace import Trace

INTERVAL = {"value": float | None, "low": float | None, "high": float | None}
ECE = {
    "equal_width": {"ece": float},
    "equal_mass": {"counts": [int], "confidence": [float | None], "accuracy": [float | None]},
    "calibrated": {"mean": float, "bound": float},
}
LABELLED_SCORE = {
    "task": Literal["classes", "number"],
    "verdict": str,
    "num_units": int,
    "units": str,
    "notes": [str],
    "metrics": {"accuracy?": INTERVAL, "rmse?": INTERVAL},
    "rivals": [{"name": str, "metrics": {}, "difference": {}}],
    "mistakes": [{"name": str}],
    "classes?": [str],
    "confusion?": [[int]],
    "per_class?": [{"class": str, "examples": int}],
    "calibration?": {"temperature": float | None, "why_none": str | None, "before": ECE, "after?": ECE},
}
"""What a page reads of evals/test.json, as `check_shape` takes it."""


FIGURES = {"exact": INTERVAL, "bleu": INTERVAL}
TRANSLATION_SCORE = {
    "verdict": str,
    "examples": int,
    "notes": [str],
    "metrics": FIGURES,
    "greedy": {"metrics": FIGURES, "difference": {}},
    "decoding": {"beams": int, "alpha": float},
    "rivals": [{"name": str, "note": str, "metrics": FIGURES, "difference": {}}],
    "mistakes": [{"source": str, "target": str, "says": str, "probability": float}],
}
"""What a page reads of evals/translation.json."""
CHANGE = {
    "before": float,
    "after": float,
    "difference": float,
    "low": float | None,
    "high": float | None,
    "number": int,
}
TUNING_SCORE = {
    "gain": [{"what": str, "is_sure": bool, **CHANGE}],
    "forgetting": [{"text": str, "is_sure": bool, **CHANGE}],
    "moved": {"tensors": float, "relative": float},
}
"""What a page reads of evals/tuning.json."""
RETURN_SCORE = {
    "verdict": str,
    "episodes": int,
    "metrics": {"return": INTERVAL},
    "rivals": [{"name": str, "note": str, "metrics": {"return": INTERVAL}, "difference": {}}],
}
"""What a page reads of evals/return.json."""
SHAPES: dict[str, dict[str, Any]] = {
    "test": LABELLED_SCORE,
    "translation": TRANSLATION_SCORE,
    "tuning": TUNING_SCORE,
    "return": RETURN_SCORE,
}
"""By the task."""


@dataclass(frozen=True)
class Contents:
    """The parts of a run; an absent part is empty or None."""

    name: str
    argument: str | None = None
    """What names the run in a command, if its name does not: the path of a run that is not below runs/."""
    record: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    held_out: dict[str, Any] | None = None
    traces: dict[str, Trace] = field(default_factory=dict)
    token: Callable[[int], str] = "#{}".format
    """A token's text by its id; without a tokenizer, the id itself."""
    damage: tuple[str, ...] = ()
    """What could not be read, one line each."""

    def column(self, key: str) -> tuple[list[float], list[float]]:
        """Steps and values of one of the metrics."""
        return numbers(self.metrics, "step", key)

    def fact(self, *keys: str) -> float:
        """A number in run.json by its path, such as ("result", "tokens"); NaN if it is not there."""
        value: Any = self.record
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return number(value)

    @property
    def code(self) -> bool:
        """Whether what the run reads and writes is source code: its passage of held-out text, or its samples, are."""
        passage = self.traces["surprise"].labels.get("token", []) if "surprise" in self.traces else []
        written = "\n".join(str(row["text"]) for row in self.samples[-6:])
        return is_code("".join(passage)) or is_code(written)

    @property
    def task(self) -> str:
        """Of labelled data: whether classes are told apart or a number is said; empty for text."""
        examples = self.record.get("examples")
        return str(examples.get("task", "classes")) if isinstance(examples, dict) else ""

    @property
    def quoted(self) -> str:
        """The run as a command takes it."""
        return shlex.quote(self.argument or self.name)

    @property
    def steps(self) -> float:
        """Steps done so far."""
        steps = self.column("loss")[0]
        return steps[-1] if steps else math.nan

    @property
    def tokens_per_step(self) -> float:
        """Tokens of a global batch."""
        return self.fact("recipe", "batch_size") * self.fact("recipe", "model", "n_ctx")

    @property
    def bits_per_nat(self) -> float:
        """Bits per byte that one nat per token amounts to on the held-out text; NaN if it was never evaluated."""
        rows = [self.held_out] if self.held_out else self.metrics[::-1]
        for row in rows:
            nats = number(row.get("nats_per_token", row.get("val_nats_per_token")))
            bits = number(row.get("bits_per_byte", row.get("val_bits_per_byte")))
            if math.isfinite(bits / nats if nats else math.nan):
                return bits / nats
        return math.nan


def read_contents(run: Run) -> Contents:
    """Read every part that is there; a damaged file counts as absent and is named in `damage`."""
    damage: list[str] = []
    kind = kind_of(run)

    def attempt(read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except (FileDamaged, ValueError) as error:
            damage.append(str(error))
            return otherwise

    traces = {
        method: attempt(lambda method=method: Trace.load(run.path / "traces" / method), None)  # type: ignore[misc]
        for method in traces_of(kind)
        if (run.path / "traces" / f"{method}.json").is_file()
    }
    tokenizer = run.path / "model" / "tokenizer.json"
    held_out = attempt(lambda: score_of(run, kind), None)
    return Contents(
        name=run.name,
        argument=None if run.path.resolve().parent == ROOT.resolve() else str(run.path),
        record=attempt(lambda: run.record, {}) if (run.path / "run.json").is_file() else {},
        metrics=rows_with(attempt(lambda: run.rows("metrics"), []), "step"),
        samples=rows_with(attempt(lambda: run.rows("samples"), []), "text"),
        held_out=held_out | {"baselines": rows_with(held_out.get("baselines"), "name")}
        if isinstance(held_out, dict)
        else None,
        traces={method: trace for method, trace in traces.items() if trace is not None},
        token=attempt(lambda: token_namer(tokenizer), "#{}".format) if tokenizer.is_file() else "#{}".format,
        damage=tuple(damage),
    )


def kind_of(run: Run) -> Kind:
    """A run's kind; that of text where its run.json is damaged."""
    try:
        return run.kind
    except (GlassworksError, OSError):
        return KINDS["text"]


def score_of(run: Run, kind: Kind) -> dict[str, Any] | None:
    """What the evaluation of its kind found, if there is one; ValueError where it is not what a page can read."""
    task = "held_out" if kind.score is None else kind.score.task
    score = run.read_eval(task)
    if score is not None and task in SHAPES:
        check_shape(score, SHAPES[task], f"{run.eval_path(task)}: score")
    return score


def traces_of(kind: Kind) -> list[str]:
    """The names of the traces that the page of a kind of run draws."""
    look = kind.measures.get("the look inside")
    return [] if look is None else [Path(file).stem for file in look.files]


def token_namer(path: Path) -> Callable[[int], str]:
    """The tokenizer's text of each token."""
    tokenizer = load_tokenizer(path)
    return lambda token: tokenizer.token(token)


def rows_with(rows: Any, key: str) -> list[dict[str, Any]]:
    """The rows that are objects and have the key."""
    return [row for row in rows if isinstance(row, dict) and key in row] if isinstance(rows, list) else []
