"""What a tuning is about to do: its model, its examples, its method, the machine, and how long."""

from collections.abc import Iterator

from glassworks.cli.training.words import computed, repeated
from glassworks.core.progress import counted, seconds
from glassworks.core.runs import Run, started_from
from glassworks.models.adapters.config import AdapterConfig
from glassworks.train.distributed import Ranks
from glassworks.train.plan import plan_of
from glassworks.tune.methods import method_named
from glassworks.tune.recipe import tune_recipe_of


def adapter_in_words(adapter: AdapterConfig) -> str:
    """Which adapter, of what rank, on which layers."""
    where = adapter.targets if isinstance(adapter.targets, str) else ", ".join(adapter.targets)
    on = "every linear layer but the head" if where == "all" else where
    return f"{adapter.kind} of rank {adapter.r}, alpha {adapter.alpha:g}, on {on}"


def facts(run: Run, place: Ranks, begin: int) -> Iterator[tuple[str, str]]:
    """Names and texts, from what run.json says; `begin` steps are done."""
    recipe, plan, about = tune_recipe_of(run), plan_of(run), run.record.get("tuning", {})
    yield "model", started_from(run.record) or recipe.start_from
    yield "examples", ", ".join(recipe.sources)
    for i, note in enumerate(about.get("notes", ())):
        yield "" if i else "note", note
    yield "train on", counted(about["train"], "example")
    yield "held out", counted(about["held_out"], "example")
    yield "method", method_named(recipe.method).what
    if recipe.adapter.kind != "none":
        yield "adapter", adapter_in_words(recipe.adapter)
    yield "computed", computed(recipe, plan, place)
    steps = run.steps or plan.steps
    number = steps * recipe.batch_size
    yield "plan", f"{counted(steps, 'step')} of {counted(recipe.batch_size, 'example')}: {number:,} in all"
    if about.get("train") and not recipe.packing:
        yield "", repeated(number / about["train"], "the examples")
    left = (steps - begin) * (plan.step_seconds or 0)
    known = f"about {seconds(left)}" if plan.step_seconds is not None else "told as it goes"
    yield "time left" if begin else "time", f"{known}; evaluations and measuring it at the end come on top"
