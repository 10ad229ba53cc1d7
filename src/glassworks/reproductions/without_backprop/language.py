"""A language model is tuned to a small task without a gradient, in the memory of inference, and with one.

The task: after a line of Python and a `#`, to say whether the line imports or defines. The model is the demo's, trained
on the same sources; lines to judge by come from documents that it has not seen. The loss is that of the one token that
is the answer, as in the classification tasks of Malladi et al. 2023 (https://arxiv.org/abs/2305.17333, section 3).
"""

from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import read_json, write_json
from glassworks.core.progress import progress
from glassworks.core.runs import Run
from glassworks.data.batches import Places, Windows, shuffled
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.optim.groups import make_optimizer
from glassworks.optim.schedules import make_schedule
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import pretrain, start
from glassworks.train.fit import fit
from glassworks.train.opening import open_text

KINDS = {"import ": " import", "def ": " def"}
"""How a line begins, and the answer."""
ASKED = "  #"
LENGTH = 16
"""Tokens of an example, its answer apart."""
READ = 2_000_000
"""Tokens of a split that are searched for lines, at most."""
MOST = 2000
"""Lines of each kind, at most."""
BATCH = 16
RATES = {"mezo": 1e-3, "adamw": 3e-4}
"""Learning rates: the best of some, on lines to tune on."""
SCHEDULE = ScheduleConfig("wsd", decay=0.8, final=0.0)


@dataclass(frozen=True)
class Tuned:
    """What tuning came to: losses on lines that are judged by, in nats, and memory beside the model's, in bytes."""

    before: float
    after: dict[str, float]
    right: dict[str, float]
    """The share of answers that are right."""
    steps: dict[str, int]
    memory: dict[str, int]
    """The peak of one batch of the demo's size: of inference, and of a step of each."""

    @property
    def share_of_gain(self) -> float:
        """What the loss fell by without a gradient, as a share of what it fell by with one."""
        return (self.before - self.after["mezo"]) / (self.before - self.after["adamw"])


Lines = tuple[Int[Tensor, "N T"], Int[Tensor, "N T"]]
"""Inputs, and targets, of which all but the answer are -1."""


def tuned(folder: Path, *, minutes: float, steps: int, seed: int) -> Tuned:
    """Train the model in `folder` if it is not there, and tune it in both ways; a result that is there is read."""
    path = folder / "tuned.json"
    if not path.exists():
        write_json(path, asdict(measured(base(folder / "base", minutes, seed), steps, seed)))
    return read_tuned(path)


def read_tuned(path: Path) -> Tuned:
    """A result from its file."""
    try:
        return Tuned(**read_json(path))
    except TypeError:
        raise FileDamaged(f"{path} does not say what tuning came to: delete it, and it is made again") from None


def base(folder: Path, minutes: float, seed: int) -> Run:
    """The demo's model, trained from wherever it stands."""
    shape = GPTConfig("nanochat", n_ctx=256, n_layer=4, n_head=4, n_embd=128)
    recipe = Recipe(data="stdlib", tokenizer="bpe:4096", model=shape, minutes=minutes, seed=seed)
    run = Run(folder) if (folder / "run.json").exists() else start(folder, recipe, ["glassworks", "train"])
    if not run.is_trained:
        with progress("the language model", run.record["plan"]["steps"]) as report:
            if not pretrain(run, report=report):
                raise KeyboardInterrupt
    return run


def measured(run: Run, steps: int, seed: int) -> Tuned:
    """Tune a trained model in both ways."""
    opened = open_text(run)
    to_tune, to_judge = (
        lines(opened.tokenizer.decode(part.read(0, min(READ, part.num_tokens)).tolist()), opened.tokenizer)
        for part in (opened.data.train, opened.data.val)
    )
    before, _ = judged(opened.model, to_judge)
    numbers = {"mezo": steps, "adamw": max(1, steps // 10)}
    after, right = dict[str, float](), dict[str, float]()
    for name, number in numbers.items():
        model = open_text(run).model
        tune(model, name, to_tune, number, seed)
        after[name], right[name] = judged(model, to_judge)
    memory = {name: peak(run.path, name) for name in ("inference", *numbers)}
    return Tuned(before, after, right, numbers, memory)


def tune(model: GPT, name: str, examples: Lines, steps: int, seed: int) -> None:
    """Train a model on lines in a method's way."""
    optimizer = make_optimizer(model, OptimizerConfig(name, lr=RATES[name]), seed=seed)
    order = Places(lambda sample: shuffled(sample, len(examples[0]), seed)[0].astype(np.int64))

    def batches(step: int) -> Lines:
        chosen = torch.from_numpy(order(step * BATCH, BATCH))
        return examples[0][chosen], examples[1][chosen]

    with progress(f"tuning by {name}", steps) as report:
        fit(model, batches, next_token_loss, optimizer, steps=steps, schedule=make_schedule(SCHEDULE), report=report)


def lines(text: str, tokenizer: Tokenizer) -> Lines:
    """As many lines of each kind, each once, and no more than `MOST`; those too long are left out."""
    asked = tokenizer.encode(ASKED)
    rows: dict[str, list[list[int]]] = {start: [] for start in KINDS}
    for line in dict.fromkeys(text.split("\n")):
        kind = next((start for start in KINDS if line.lstrip().startswith(start)), None)
        if kind is not None and len(rows[kind]) < MOST:
            row = [tokenizer.eot, *tokenizer.encode(line.strip()), *asked]
            rows[kind] += [row] if len(row) <= LENGTH else []
    number = min(map(len, rows.values()))
    if not number:
        raise RunError("the corpus has no lines that import and define: take the standard library's sources")
    inputs = torch.full((number * len(rows), LENGTH), tokenizer.eot)
    targets = torch.full_like(inputs, -1)
    for place, (row, kind) in enumerate((row, kind) for kind, found in rows.items() for row in found[:number]):
        inputs[place, : len(row)] = torch.tensor(row)
        targets[place, len(row) - 1] = tokenizer.encode(KINDS[kind])[0]
    return inputs, targets


@torch.no_grad()
def judged(model: GPT, examples: Lines) -> tuple[float, float]:
    """Mean loss of the answers, in nats, and the share that is right."""
    losses, right = 0.0, 0
    with evaluating(model):
        for inputs, targets in zip(*(torch.split(part, 256) for part in examples), strict=True):
            logits = model(inputs)[targets >= 0].float()  # (B, V)
            answers = targets[targets >= 0]
            losses += float(torch.nn.functional.cross_entropy(logits, answers, reduction="sum"))
            right += int((logits.argmax(-1) == answers).sum())
    return losses / len(examples[0]), right / len(examples[0])


# ----------------------------------------------------------------------------------------------------------------------
# Memory


def peak(run: Path, name: str) -> int:
    """Bytes that a batch of the model's own training takes beside the model, at the most, in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, run, name))
    process.start()
    theirs.close()
    try:
        found: int = ours.recv()
    except EOFError:
        raise RunError(f"the process that measures the memory of {name} has ended: there may be too little") from None
    finally:
        process.join()
    return found


def work(pipe: Connection, run: Path, name: str) -> None:
    """Read a batch, or learn from it, twice; send by how much the memory in use has grown at the most."""
    opened = open_text(Run(run))
    batch, model = Windows(opened.data.train, BATCH, opened.model.config.n_ctx, 0)(0), opened.model
    for other in RATES:  # what is imported for training is no memory of a method
        small = torch.nn.Linear(1, 1)
        optimizer = make_optimizer(small, OptimizerConfig(other))
        fit(small, lambda step: torch.ones(1, 1), lambda net, ones: net(ones).square().mean(), optimizer, steps=1)
    before = resident("VmRSS")
    if name == "inference":
        with torch.no_grad():
            for _ in range(2):
                next_token_loss(model, batch)
    else:
        config = OptimizerConfig(name)
        fit(model, lambda step: batch, next_token_loss, make_optimizer(model, config), steps=2)
    pipe.send(resident("VmHWM") - before)


def resident(which: str) -> int:
    """Bytes of this process in main memory, now (VmRSS) or at the most (VmHWM)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(which):
            return 1024 * int(line.split()[1])
    raise RunError(f"/proc/self/status does not say {which}: memory is measured on Linux alone")
