"""`glassworks eval MODEL --task NAME`: a model on problems, by what its answers do when they are run."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from glassworks.evaluate.tasks.programs.run import Write

Name = Literal["humaneval", "humaneval+", "programs"]


@dataclass(frozen=True)
class TaskFlags:
    """How a model is tried on a task."""

    task: Name | None = None
    """Try the model on programming problems, each answer by running it behind walls: humaneval and humaneval+ as
    published, programs of a file of your own in that form."""
    file: Path | None = None
    """With --task: the file of problems; MODEL may also be `canonical`, or lines {"task_id", "completion"} (.jsonl)."""
    samples: int = 1
    """With --task: texts to write for each problem."""
    k: tuple[int, ...] = (1, 10, 100)
    """With --task: of pass@k; those above the number of samples are left out."""
    temperature: float = 0.0
    """With --task: how samples are drawn; 0 = the likeliest text."""
    max_tokens: int = 256
    """With --task: the most tokens of a text."""
    rule: str = "paper-1"
    """With --task: where a program ends in a text: paper-1, evalplus-1, fenced-1 or none-1."""
    first: int | None = None
    """With --task: take the first so many problems alone."""
    lowest: int = 2
    """With --task: the lowest level of the sandbox, from 0 to 3, at which programs may run."""
    beside: Path | None = None
    """With --task: lines of samples of another model, to compare with on the problems that both have."""
    out: Path | None = None
    """With --task: the folder for samples and scores. None = the run's evals/, or the folder evals."""


def on_task(named: str, flags: TaskFlags) -> None:
    """Write, run, score, print."""
    from glassworks.core.progress import say
    from glassworks.evaluate.tasks.programs.extraction import program_of
    from glassworks.evaluate.tasks.programs.problems import WHERE, ProblemFile, read_problems

    assert flags.task is not None
    if flags.file is None:
        raise ValueError(f"--task {flags.task} needs its problems: give --file, {WHERE[flags.task]}")
    if flags.samples < 1 or (flags.samples > 1 and flags.temperature == 0):
        raise ValueError(f"samples (={flags.samples}): take 1, or more with a --temperature above 0, as in 0.8")
    program_of(flags.rule, "", "", "f")
    file = read_problems(flags.file, flags.task)
    if flags.first is not None:
        if flags.first < 1:
            raise ValueError(f"first (={flags.first}) must be at least 1: leave it out for all problems")
        file = ProblemFile(file.problems[: flags.first], file.digest, file.known_as)
    from glassworks.evaluate.sandbox.sandbox import Sandbox
    from glassworks.evaluate.tasks.programs.run import (
        beside,
        canonical,
        evaluate_programs,
        keep,
        read_samples,
        samples_of,
        table,
    )

    with Sandbox(lowest=flags.lowest) as sandbox:  # what is refused, is refused before a model is opened
        folder = flags.out or Path("evals")
        if named.endswith(".jsonl"):
            samples = read_samples(named, file.problems)
        elif named == "canonical":
            samples = samples_of(file.problems, canonical)
        else:
            write, own = writing(named, flags)
            folder = flags.out or own or folder
            say(f"{named} writes {flags.samples * len(file.problems)} texts")
            samples = samples_of(file.problems, write)
        say(f"running {len(samples)} programs")
        score = partial(evaluate_programs, file, sandbox=sandbox, rule=flags.rule, ks=flags.k, kept=Path("runs/.tasks"))
        result = score(samples)
        other = score(read_samples(flags.beside, file.problems)) if flags.beside is not None else None
    print(table(result))
    if other is not None:
        print(f"  pass@1 less that of {flags.beside}: {beside(result, other)}")
    print(f"saved: {keep(result, folder, flags.task)}, and a line a sample beside it")


def writing(named: str, flags: TaskFlags) -> "tuple[Write, Path | None]":
    """How a model writes a problem's samples, and, of a run, where its scores go."""
    from glassworks.core.places import run_named

    run_named(named, "eval")
    from glassworks.models.generation.completion import complete
    from glassworks.train.device import pick_device
    from glassworks.train.opening import open_text

    opened = open_text(named, pick_device(), use="eval")

    def write(problems):  # type: ignore[no-untyped-def]
        found = []
        for at, problem in enumerate(problems):
            found.append(
                complete(
                    opened.model,
                    opened.tokenizer,
                    [problem.prompt] * flags.samples,
                    logprobs=True,
                    max_tokens=flags.max_tokens,
                    temperature=flags.temperature,
                    seed=at,
                )
            )
        return found

    return write, None if opened.run is None else opened.run.path / "evals"
