"""What a run's folder holds for the report, however much of it is there."""

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.runs import ROOT, Run
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.draw.code import is_code
from glassworks.draw.scales import number, numbers
from glassworks.trace.trace import Trace

TRACES = ("attention", "logit_lens", "surprise", "health")


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

    def attempt(read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except (FileDamaged, ValueError) as error:
            damage.append(str(error))
            return otherwise

    traces = {
        method: attempt(lambda method=method: Trace.load(run.path / "traces" / method), None)  # type: ignore[misc]
        for method in TRACES
        if (run.path / "traces" / f"{method}.json").is_file()
    }
    tokenizer = run.path / "model" / "tokenizer.json"
    held_out = attempt(lambda: run.read_eval("held_out"), None)
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


def token_namer(path: Path) -> Callable[[int], str]:
    """The tokenizer's text of each token."""
    tokenizer = load_tokenizer(path)
    return lambda token: tokenizer.token(token)


def rows_with(rows: Any, key: str) -> list[dict[str, Any]]:
    """The rows that are objects and have the key."""
    return [row for row in rows if isinstance(row, dict) and key in row] if isinstance(rows, list) else []
