"""What `demo` and `train` share: train a run of any kind to its end, measure it, look inside it, write its page."""

from contextlib import nullcontext

from glassworks.core.called import command
from glassworks.core.kinds import found
from glassworks.core.progress import progress, say, seconds, showing
from glassworks.core.runs import Run
from glassworks.train.checkpoint import last_step
from glassworks.train.distributed import Ranks
from glassworks.train.tracking import tracking

REPORT = "report.html"


def finish(run: Run, place: Ranks) -> int:
    """Everything from the run's present state to its report; the exit code. Only rank 0 says anything."""
    with nullcontext() if place.first else showing(False):
        if place.agree(run.is_trained):
            say(f"{run.path} is trained already; what is missing is made: {', '.join(run.unmade)}")
        elif not train(run, place):
            say(f"stopped at a checkpoint. Go on with: {command('train', '--resume', run.path)}")
            return 130
        if not place.first:
            return 0
        say(f"trained in {spent(run)}")
        unmade, made = run.unmade, None
        for name, measure in run.kind.measures.items():
            if name in unmade or (made and REPORT in measure.files):  # the report shows what was made before it
                if REPORT not in measure.files:
                    say(measure.doing)
                made = found(measure.by)(run) or True
    print("\n".join([*came_to(run), *closing(run)]))
    return 0


def train(run: Run, place: Ranks) -> bool:
    """From the newest checkpoint to the last step; whether it got there."""
    import torch

    begin, stages = last_step(run), run.kind.stages
    assert stages is not None
    torch.manual_seed(
        run.record["recipe"]["seed"] + place.rank
    )  # of a network's noise; checkpoints have their own state
    say(f"{f'going on at step {begin:,} with' if begin else 'training'} {run.path}; ctrl-C stops it cleanly")
    for name, text in found(stages.overview)(run, place, begin):
        say(f"  {name:<10} {text}")
    tool = run.record.get("log") if place.first else None
    with tracking(run, tool) as followed, progress("train", run.steps or 0, start=begin) as report:
        arrived: bool = found(stages.trains)(followed, place, report)
    return arrived


def spent(run: Run) -> str:
    """How long a training took, and how fast it was."""
    result, batch_size = run.record["result"], run.record["recipe"]["batch_size"]
    if "tokens_per_s" in result:
        speed = f"at a median of {result['tokens_per_s']:,.0f} tokens/s"
    else:
        speed = f"at {result['step'] * batch_size / max(result['seconds'], 1e-9):,.0f} examples/s"
    return f"{seconds(result['seconds'])} without its evaluations, {speed}"


def came_to(run: Run) -> list[str]:
    """How good a finished run is, in sentences, with an empty line below."""
    score = run.kind.score
    result = None if score is None else run.read_eval(score.task)
    return [*found(score.conclusions)(result), ""] if score is not None and result is not None else []


def closing(run: Run) -> list[str]:
    """Where a finished run's report is, and what can be done with it."""
    stages, page = run.kind.stages, run.path / REPORT
    lines = [("report", str(page))] if page.exists() else []
    lines += [] if stages is None else found(stages.further)(run)
    return [f"{f'{name}:':<10} {text}" for name, text in lines]
