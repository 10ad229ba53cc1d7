"""`glassworks eval`: a run's model on all of its held-out text, beside the baselines."""

from dataclasses import dataclass
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Eval:
    """Measure a run's model on the whole held-out split, beside the baselines on the same bytes."""

    run: Annotated[str, tyro.conf.Positional]
    """The run."""


def run(arguments: list[str]) -> None:
    """Parse, measure, print."""
    args = tyro.cli(Eval, args=arguments, prog="glassworks eval")
    from glassworks.core.runs import Run
    from glassworks.evaluate.held_out import evaluate_run

    result = evaluate_run(Run.open(args.run))
    error = result["bits_per_byte_se"]
    rows = [("network", result["bits_per_byte"], result["nats_per_token"], "" if error is None else f"± {error:.4f}")]
    rows += [(b["name"], b["bits_per_byte"], b["nats_per_token"], b["note"]) for b in result["baselines"]]
    print(f"{'':<12} {'bits/byte':>10} {'nats/token':>11}")
    for name, bits, nats, note in rows:
        print(f"{name:<12} {bits:>10.4f} {nats:>11.4f}  {note}")
    print(f"\n{result['verdict']}")
