"""Every loss or metric for a terminal: all by task, some that are looked for, or one in full. Imports no torch."""

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal

from glassworks.core.called import command
from glassworks.core.columns import fold
from glassworks.objectives.catalogue.record import TASKS, Loss, Metric, full_name
from glassworks.objectives.catalogue.table import LOSSES, METRICS

Kind = Literal["loss", "metric"]
CATALOGUES: dict[Kind, Mapping[str, Loss | Metric]] = {"loss": LOSSES, "metric": METRICS}
COMMANDS: dict[Kind, str] = {"loss": "losses", "metric": "metrics"}


def all_entries(kind: Kind, width: int | None, task: str | None = None, word: str | None = None) -> list[str]:
    """The lines of a list of those that are `found`, by the first of each one's tasks."""
    entries = found(kind, task, word)
    lines = []
    for each, title in TASKS.items():
        here = {name: entry for name, entry in entries.items() if each == (task or entry.tasks[0])}
        lines += [*fold(f"{title}:", width), ""] if here else []
        for name, entry in here.items():
            lines += fold(f"{name}: {entry.line}", width, "    ")
            if isinstance(entry, Loss):
                lines += fold(f"    estimates {entry.estimates} · an outlier {entry.outliers}", width, "    ")
            else:
                lines += fold(f"    {values_of(entry)}", width, "    ")
            lines += fold(f"    when: {entry.when}", width, "    ")
        lines += [""] if here else []
    return [*lines, f"one in full: {command(COMMANDS[kind], 'NAME')}"]


def found(kind: Kind, task: str | None = None, word: str | None = None) -> dict[str, Loss | Metric]:
    """All, or those of one task, or of which a word is said.

    Raises: ValueError for a task that is none, or where there is nothing.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"there is no task {task!r}: {', '.join(TASKS)}")
    entries = {
        name: entry
        for name, entry in CATALOGUES[kind].items()
        if (task is None or task in entry.tasks) and (word is None or speaks(name, entry, word))
    }
    if not entries:
        what = f"of {word!r}" if word is not None else f"of {task}"
        raise ValueError(f"no {kind} speaks {what}: {command(COMMANDS[kind])} lists them all")
    return entries


def speaks(name: str, entry: Loss | Metric, word: str) -> bool:
    """Whether what is said of one has a word in it."""
    texts = [name, entry.line, entry.when, entry.avoid, entry.source]
    texts += [entry.estimates, entry.outliers, entry.calibrated] if isinstance(entry, Loss) else []
    return word.lower() in " ".join(texts).lower()


def known(kind: Kind, name: str) -> str:
    """A name as the catalogue has it; ValueError, with the nearest one, for a name that is none."""
    found = name.replace("-", "_").lower()
    if found not in CATALOGUES[kind]:
        near = get_close_matches(found, CATALOGUES[kind], 1)
        hint = f"did you mean {near[0]}?" if near else f"{command(COMMANDS[kind])} lists them"
        raise ValueError(f"there is no {kind} {name!r}: {hint}")
    return found


def in_full(kind: Kind, name: str, width: int | None) -> list[str]:
    """The lines of one: all that the catalogue says of it, and how it is imported.

    Raises: ValueError for a name that is none.
    """
    name = known(kind, name)
    entry = CATALOGUES[kind][name]
    module, function = entry.made_by.split(":")
    facts = {"what": entry.line, "formula": entry.formula, "takes": entry.takes, "tasks": ", ".join(entry.tasks)}
    facts["values"] = values_of(entry)
    if isinstance(entry, Loss):
        facts |= {"estimates": entry.estimates, "calibrated": entry.calibrated, "an outlier": entry.outliers}
    facts |= {"when": entry.when, "not when": entry.avoid, "source": entry.source, "the survey": entry.survey}
    facts["computed by"] = entry.home
    lines = [name, ""]
    for head, text in facts.items():
        lines += [] if not text else fold(f"  {head:<12} {text}", width, " " * 15)
    return [*lines, "", f"  Python:  from {full_name(module)} import {function}"]


def values_of(entry: Loss | Metric) -> str:
    """What one can come to, and where it is perfect.

    >>> values_of(LOSSES["mse"]), values_of(LOSSES["poisson"])
    ('0 to infinity; 0 is perfect', '-infinity to infinity; what is perfect depends on the target')
    """
    if math.isnan(entry.best):
        perfect = "what is perfect depends on the target" if isinstance(entry, Loss) else "no single number"
    else:
        perfect = f"{said(entry.best)} is perfect"
    return f"{said(entry.least)} to {said(entry.most)}; {perfect}"


def said(value: float) -> str:
    """A number as it is read."""
    return f"{value:.4g}".replace("inf", "infinity")
