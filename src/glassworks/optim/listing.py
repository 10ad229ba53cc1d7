"""Every optimizer for a terminal: all of them by kind, or one in full. Imports no torch."""

from difflib import get_close_matches
from typing import Any

from glassworks.core.called import command
from glassworks.core.columns import fold
from glassworks.optim.catalogue import METHODS, Kind
from glassworks.optim.config import OptimizerConfig, settings_of
from glassworks.optim.measured import measured

TITLES: dict[Kind, str] = {
    "gradient": "By gradients, through backpropagation",
    "search": "By search: losses alone, no gradient",
    "rule": "By rules: layer by layer, or by other feedback than the gradient",
}
COSTS = (
    "Costs are of a step, in forward passes over its batch; a backward pass counts as two. Memory is what is held "
    "beside the weights, in copies of them; D is their number, and the population that of the candidates in a step."
)


def all_methods(width: int | None) -> list[str]:
    """The lines of a list of all methods, by kind, with what each is, costs and is for."""
    lines = []
    for kind, title in TITLES.items():
        lines += [*fold(f"{title}:", width), ""]
        for name, method in METHODS.items():
            if method.kind == kind:
                lines += fold(f"{name}: {method.line}", width, "    ")
                lines += fold(f"    passes {method.forwards} · memory {method.memory}", width, "    ")
                lines += fold(f"    when: {method.when}", width, "    ")
                if found := measured(name):
                    lines += fold(f"    measured: {found}", width, "    ")
        lines.append("")
    return [*lines, *fold(COSTS, width), "", f"one in full: {command('optimizers', 'NAME')}"]


def known(name: str) -> str:
    """An optimizer's name as the catalogue has it; ValueError, with the nearest one, for a name that is none."""
    found = name.replace("-", "_")
    if found not in METHODS:
        near = get_close_matches(found, METHODS, 1)
        hint = f"did you mean {near[0]}?" if near else f"{command('optimizers')} lists them"
        raise ValueError(f"there is no optimizer {name!r}: {hint}")
    return found


def method_in_full(name: str, width: int | None) -> list[str]:
    """The lines of one method: what it is, costs and is for, what it can be told, and how to train with it.

    Raises: ValueError for a name that is none.
    """
    name = known(name)
    method = METHODS[name]
    facts = {
        "what": method.line,
        "learns": TITLES[method.kind].lower(),
        "a step": f"{method.forwards} forward passes over its batch; a backward pass counts as two",
        "memory": f"{method.memory}, in copies of the weights, beside them",
        "when": method.when,
        "measured": measured(name),
    }
    lines = [name, ""]
    for head, text in facts.items():
        lines += [] if not text else fold(f"  {head:<8} {text}", width, " " * 11)
    lines += ["", "  settings, and what they are where nothing is said:"]
    flags, alone = settings_by_reach(name)
    lines += [f"    --optimizer.{setting.replace('_', '-')} {said(value)}" for setting, value in flags.items()]
    if alone:
        shown = ", ".join(f"{setting}={value!r}" for setting, value in alone.items())
        lines += fold(f"    from Python alone: {shown}", width, "      ")
    lines += ["", f"  train:   {command('train', '--data', 'digits', '--optimizer', name)}"]
    if method.made_by:
        module, made = method.made_by.split(":")
        lines.append(f"  Python:  from glassworks.optim.{module} import {made}")
    return lines


def settings_by_reach(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a method can be told by flags, and from Python alone; the seed is the training's."""
    known = OptimizerConfig.__dataclass_fields__
    settings = {setting: value for setting, value in settings_of(name).items() if setting != "seed"}
    flags = {setting: value for setting, value in settings.items() if setting in known}
    return flags, {setting: value for setting, value in settings.items() if setting not in known}


def said(value: Any) -> str:
    """A default, as it is typed.

    >>> said((0.8, 0.95)), said(None)
    ('0.8 0.95', '(by the number of weights)')
    """
    if value is None:
        return "(by the number of weights)"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
