"""Every loss for a terminal: all of them by task, some that are looked for, or one in full. Imports no torch."""

import math
from difflib import get_close_matches

from glassworks.core.called import command
from glassworks.core.columns import fold
from glassworks.objectives.catalogue.record import TASKS, Loss
from glassworks.objectives.catalogue.table import LOSSES


def all_losses(width: int | None, task: str | None = None, word: str | None = None) -> list[str]:
    """The lines of a list of losses by the first of their tasks, or of those of one task, or that speak of a word.

    Raises: ValueError for a task that is none, or a word of which none speaks.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"there is no task {task!r}: {', '.join(TASKS)}")
    found = {
        name: loss
        for name, loss in LOSSES.items()
        if (task is None or task in loss.tasks) and (word is None or speaks(name, loss, word))
    }
    if not found:
        raise ValueError(f"no loss speaks of {word!r}: {command('losses')} lists them all")
    lines = []
    for each, title in TASKS.items():
        here = {name: loss for name, loss in found.items() if each == (task or loss.tasks[0])}
        if not here:
            continue
        lines += [*fold(f"{title}:", width), ""]
        for name, loss in here.items():
            lines += fold(f"{name}: {loss.line}", width, "    ")
            lines += fold(f"    estimates {loss.estimates} · an outlier {loss.outliers}", width, "    ")
            lines += fold(f"    when: {loss.when}", width, "    ")
        lines.append("")
    return [*lines, f"one in full: {command('losses', 'NAME')}"]


def speaks(name: str, loss: Loss, word: str) -> bool:
    """Whether what is said of a loss has a word in it."""
    texts = (name, loss.line, loss.when, loss.avoid, loss.estimates, loss.outliers, loss.source, loss.calibrated)
    return word.lower() in " ".join(texts).lower()


def known(name: str) -> str:
    """A loss's name as the catalogue has it; ValueError, with the nearest one, for a name that is none."""
    found = name.replace("-", "_").lower()
    if found not in LOSSES:
        near = get_close_matches(found, LOSSES, 1)
        hint = f"did you mean {near[0]}?" if near else f"{command('losses')} lists them"
        raise ValueError(f"there is no loss {name!r}: {hint}")
    return found


def loss_in_full(name: str, width: int | None) -> list[str]:
    """The lines of one loss: all that the catalogue says of it, and how it is imported.

    Raises: ValueError for a name that is none.
    """
    name = known(name)
    loss = LOSSES[name]
    module, function = loss.made_by.split(":")
    facts = {
        "what": loss.line,
        "formula": loss.formula,
        "takes": loss.takes,
        "tasks": ", ".join(loss.tasks),
        "values": values_of(loss),
        "estimates": loss.estimates,
        "calibrated": loss.calibrated,
        "an outlier": loss.outliers,
        "when": loss.when,
        "not when": loss.avoid,
        "source": loss.source,
        "the survey": loss.survey,
        "computed by": loss.home,
    }
    lines = [name, ""]
    for head, text in facts.items():
        lines += [] if not text else fold(f"  {head:<12} {text}", width, " " * 15)
    below = module if module.startswith("torch") else f"glassworks.objectives.{module}"
    return [*lines, "", f"  Python:  from {below} import {function}"]


def values_of(loss: Loss) -> str:
    """What a loss can come to, and where it is perfect.

    >>> values_of(LOSSES["mse"]), values_of(LOSSES["poisson"])
    ('0 to infinity; 0 is perfect', '-infinity to infinity; what is perfect depends on the target')
    """
    perfect = "what is perfect depends on the target" if math.isnan(loss.best) else f"{said(loss.best)} is perfect"
    return f"{said(loss.least)} to {said(loss.most)}; {perfect}"


def said(value: float) -> str:
    """A number as it is read."""
    return f"{value:.4g}".replace("inf", "infinity")
