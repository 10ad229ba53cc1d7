"""Which losses of the catalogue a network for labelled data can be trained by, and why not others. No torch."""

from glassworks.core.called import command
from glassworks.objectives.catalogue.listing import known
from glassworks.objectives.catalogue.table import LOSSES

NEEDS = {
    "classes": {
        "logits (N, C, *), classes (N, *)",
        "logits (N, C, *), classes (N, *) or probabilities (N, C, *)",
        "scores (N, C, *), classes (N, *)",
    },
    "number": {"predictions (*), targets (*)"},
}
"""What a network that says classes, or a number, can give to a loss."""
TASKS = {"classes": "classification", "number": "regression"}


def fitting(task: str) -> list[str]:
    """The losses that a network for "classes" or a "number" can be trained by.

    >>> fitting("number")
    ['mse', 'mae', 'huber', 'log_cosh', 'quantile']
    """
    return [name for name, loss in LOSSES.items() if TASKS[task] in loss.tasks and loss.takes in NEEDS[task]]


def fitting_loss(name: str, task: str) -> str:
    """A loss's name as the catalogue has it; ValueError, with the reason, where it does not fit the task."""
    name = known("loss", name)
    loss, fit = LOSSES[name], fitting(task)
    if name in fit:
        return name
    what = "classes are to be said" if task == "classes" else "a number is to be said"
    if TASKS[task] not in loss.tasks:
        reason = f"it is for {' and '.join(loss.tasks)}, and {what}"
    else:
        reason = f"it takes {loss.takes}, and {what}"
    raise ValueError(f"loss (={name!r}) does not fit: {reason}; take {', '.join(fit)}: {command('losses')}")
