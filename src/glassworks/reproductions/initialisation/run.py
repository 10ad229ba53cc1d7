"""How weights are drawn, and what comes of it: `run(...)` repeats the lecture's chain, and trains deep networks.

The chain: Karpathy's next-character MLP, its beginning mended step by step. Signals: the variance forward and the
gradient's back, layer by layer, of deep networks drawn by each scheme, beside what the mean-field theory says. Depths:
the depth at which each scheme stops training, tanh and ReLU; for tanh also over the variance of weights, as Schoenholz
et al. 2017 have it. Shortcuts: Fixup beside batch norm in deep residual networks.

Limits: theirs are networks of 300 neurons a layer on MNIST or CIFAR-10, ours of 128 on the 1,797 digits that come with
scikit-learn; Fixup's paper has convolutional networks of up to 10,000 layers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.files import locked, read_sealed_json, write_sealed_json
from glassworks.core.progress import say
from glassworks.core.runs import Run
from glassworks.data.text.words import Words
from glassworks.models.modes import threads
from glassworks.reproductions.char_models import CHAIN
from glassworks.reproductions.char_models import train as train_chain
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.initialisation import deep, shortcuts
from glassworks.reproductions.initialisation.rows import finding
from glassworks.reproductions.initialisation.traces import all_traces

CHAIN_STEPS, QUICK_CHAIN_STEPS = 200_000, 4_000


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    depths: tuple[int, ...]
    blocks: tuple[int, ...]
    variances: tuple[float, ...]
    """σ_w² of the networks with tanh."""
    layers: int
    """Of the networks whose signals are measured."""
    steps: int
    """Of the training of a deep network."""
    seeds: int
    minutes: float
    """On two quiet cores, without the chain."""


FULL = Size(
    (2, 5, 10, 20, 35, 50, 100, 200),
    (1, 4, 16, 64),
    (0.5, 1.0, 1.25, 1.5, 1.76, 2.0, 2.5, 4.0),
    100,
    100,
    2,
    6.0,
)
QUICK = Size((2, 5, 10, 20, 50), (1, 4, 16), (0.5, 1.0, 1.76, 2.5, 4.0), 50, 100, 1, 1.2)
MINUTES_A_STEP = 4.7e-5
"""Of the chain, all five networks."""
Part = Callable[[], Any]


def run(
    words: Sequence[str] | None = None,
    *,
    quick: bool = False,
    folder: Path = Path("runs/initialisation"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Repeat the chain of fixes on `words`, train deep networks, and save the finding in the run directory `folder`.

    What is measured is kept there part by part, so the same call goes on where an earlier one was stopped. Progress is
    told on stderr. Torch uses one thread meanwhile: the matrices are too small for two.

    Args:
        words: one name or word each, for the chain. None = without the chain.
        quick: fewer steps, depths and seeds.
        folder: a new run's folder, or that of an unfinished one with the same words and settings.
        seed: of weights and batches. None = the lecture's own for the chain, and 0 for deep networks.
        steps: of the chain's trainings; None = the lecture's 200,000, or 4,000 if quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: words or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C, or SIGTERM while a network of the chain trains; finished parts are kept.
    """
    if steps is not None and steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    data = None if words is None else Words.of(words)
    size, steps = QUICK if quick else FULL, steps or (QUICK_CHAIN_STEPS if quick else CHAIN_STEPS)
    settings = {"name": "initialisation", "quick": quick, "seed": seed, "steps": steps}
    settings |= {"words": None if data is None else data.sha256}
    with locked(Run(folder).lock, wait=False) as ours, threads(1):
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        minutes = size.minutes + (0.0 if data is None else MINUTES_A_STEP * steps)
        opened = open_or_create(folder, settings, command, on_two_cores(minutes))
        parts = chain_parts(data, steps, seed) | deep_parts(size, seed or 0)
        results = {name: measured(opened, name, part) for name, part in parts.items()}
        traces = all_traces(results, size.depths, size.blocks, size.variances, size.steps)
        (folder / "traces").mkdir(exist_ok=True)
        for name, trace in traces.items():
            trace.save(folder / "traces" / name)
        result = finding(results, traces, data, steps=steps, full=steps == CHAIN_STEPS and not quick, quick=quick)
        result.save(folder / "finding.json")
    return result


def chain_parts(data: Words | None, steps: int, seed: int | None) -> dict[str, Part]:
    """The lecture's five networks."""
    if data is None:
        return {}
    return {
        f"chain_{name}": lambda name=name, variant=variant: train_chain(name, variant, data, steps, seed)  # type: ignore[misc]
        for name, variant in CHAIN.items()
    }


def deep_parts(size: Size, seed: int) -> dict[str, Part]:
    """Everything of deep networks, each by a name of its own."""
    data = deep.digits()
    parts = dict[str, Part]()
    for activation in deep.ACTIVATIONS:
        for scheme in deep.CHAINS:
            key = f"{activation}_{scheme}"
            parts[f"signals_{key}"] = lambda a=activation, s=scheme: deep.signals(a, s, size.layers, data, seed)  # type: ignore[misc]
            for each in range(seed, seed + size.seeds):
                parts[f"depths_{key}_{each - seed}"] = lambda a=activation, s=scheme, each=each: deep.by_depth(  # type: ignore[misc]
                    lambda depth: deep.drawn(deep.chain(a, depth), s, data, each), size.depths, data, size.steps, each
                )
    for i, variance in enumerate(size.variances):
        parts[f"variance_{i}"] = lambda v=variance: deep.by_depth(  # type: ignore[misc]
            lambda depth: deep.drawn_wide(deep.chain("tanh", depth), v, shortcuts.BIASES, seed),
            size.depths,
            data,
            size.steps,
            seed,
        )
    for name in shortcuts.NETWORKS:
        for blocks in size.blocks:
            parts[f"shortcuts_{name}_{blocks}"] = lambda n=name, b=blocks: shortcuts.measure(  # type: ignore[misc]
                n, b, data, size.steps, range(seed, seed + size.seeds)
            )
    return parts


def measured(opened: Run, name: str, part: Part) -> Any:
    """What a part measures; from its file if an earlier process finished it."""
    path = opened.eval_path(name)
    if path.exists():
        return read_sealed_json(path, "delete it, and the same command measures it again")["result"]
    result = part()
    write_sealed_json(path, {"result": result})
    say(f"{name.replace('_', ' ')}: {told(result)}")
    return result


def told(result: Any) -> str:
    """What a part came to, in a few words."""
    if isinstance(result, list):
        return f"trains up to {deep.deepest(result)} layers"
    if isinstance(result, Mapping) and "dev" in result:
        return f"train {result['train']:.4f}  dev {result['dev']:.4f}"
    if isinstance(result, Mapping) and "losses" in result:
        return "no finite loss" if result["loss"] is None else f"loss {result['loss']:.3f}"
    return "done"
