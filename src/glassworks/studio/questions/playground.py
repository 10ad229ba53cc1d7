"""The playground: a training of a tiny network as far as a page asks for it, and what is looked at of it.

What a page holds is a link: settings, edits, a step. A training is kept for each tab, the last few of them; one that
was forgotten, or that is asked for an earlier step, is begun anew and comes to the same weights.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from glassworks.optim.catalogue import METHODS
from glassworks.optim.config import settings_of
from glassworks.studio.playground.settings import (
    ACTIVATIONS,
    FEATURES,
    MOST_LAYERS,
    MOST_WIDTH,
    RATES,
    SETS,
    Settings,
    settings_from,
)
from glassworks.studio.studio import Studio

if TYPE_CHECKING:
    from glassworks.studio.playground.experiment import Experiment

SECONDS = 0.2
"""What a question trains at most; the page asks again."""
MOST_TABS = 24
"""Trainings that are kept, the last ones asked for."""


def controls(studio: Studio) -> dict[str, Any]:
    """What there is to choose from, and the defaults."""
    methods = []
    for name, method in METHODS.items():
        taken = settings_of(name)
        own = {key: taken[key] for key in ("lr", "momentum", "population", "sigma") if key in taken}
        own |= {"lr": RATES[name]} if name in RATES else {}
        own |= {"momentum": Settings.momentum} if "momentum" in own else {}
        methods.append({"name": name, "line": method.line, "kind": method.kind, "when": method.when, "takes": own})
    return {
        "sets": SETS,
        "features": FEATURES,
        "activations": list(ACTIVATIONS),
        "methods": methods,
        "most": {"layers": MOST_LAYERS, "width": MOST_WIDTH},
    }


def look(
    studio: Studio,
    tab: str,
    link: Mapping[str, Any],
    to: int,
    edits: str = "",
    have: str = "",
    members: bool = False,
) -> dict[str, Any]:
    """The training of a tab at step `to`, or on the way there where that takes longer than a moment.

    Args:
        studio: where trainings are kept.
        tab: whose.
        link: settings as texts, by the names of `Settings`.
        to: the step.
        edits: weights set by hand, as a link has them.
        have: what `points.key` said of the points that the page has: they are not sent again.
        members: whether the weights that a search tried last are wanted.
    """
    from glassworks.studio.playground.surface import candidates, placed

    with studio.computing():
        experiment = experiment_of(studio, tab, link, edits, to)
        experiment.advance(to, SECONDS)
        key = points_key(experiment.began)
        return {
            "settings": asdict(experiment.settings),
            **experiment.snapshot(),
            "output": output_of(experiment),
            "classes": list(experiment.points.classes),
            "key": key,
            "points": None if key == have else points(experiment),
            "members": candidates(experiment) if members else None,
            "placed": placed(experiment),
        }


def surface(
    studio: Studio, tab: str, link: Mapping[str, Any], to: int, edits: str = "", reach: float | int | None = None
) -> dict[str, Any]:
    """The loss around the weights of a tab's training, at step `to`; see `surface.surface`."""
    from glassworks.studio.playground.surface import surface

    with studio.computing():
        return surface(there(studio, tab, link, edits, to), None if reach is None else float(reach))


def graph(studio: Studio, tab: str, link: Mapping[str, Any], to: int, point: int, edits: str = "") -> dict[str, Any]:
    """The network for one of its points as a graph of scalars; see `scalar.graph`."""
    from glassworks.studio.playground.scalar import graph, loss_of

    with studio.computing():
        experiment = there(studio, tab, link, edits, to)
        if not 0 <= point < len(experiment.inputs):
            raise ValueError(f"point (={point}) must be from 0 to {len(experiment.inputs) - 1}")
        if experiment.failed:
            raise ValueError(experiment.failed)
        loss = loss_of(
            experiment.settings,
            experiment.model,
            experiment.inputs[point].tolist(),
            float(experiment.targets[point]),
            len(experiment.points.classes),
        )
    return {"point": point, "step": experiment.step, **graph(loss)}


def paste(studio: Studio, text: str) -> dict[str, str]:
    """A pasted table as points for a link, and what was made of it in words; see `points.pasted`."""
    from glassworks.studio.playground.points import pasted

    own, about = pasted(text)
    return {"own": own, "about": about}


def export(studio: Studio, tab: str, link: Mapping[str, Any], to: int, edits: str = "") -> dict[str, str]:
    """The weights as JSON, and the Python that makes the same network."""
    from glassworks.studio.playground.export import exported

    with studio.computing():
        return exported(there(studio, tab, link, edits, to))


# ----------------------------------------------------------------------------------------------------------------------
# Trainings of tabs


def experiment_of(studio: Studio, tab: str, link: Mapping[str, Any], edits: str, to: int) -> "Experiment":
    """A tab's training, at step `to` or before it: the one that is kept, or a new one."""
    from glassworks.studio.playground.edits import edits_from
    from glassworks.studio.playground.experiment import Experiment

    settings, by_hand = settings_from(link), edits_from(edits)
    shelf = studio.shelves.setdefault("playground", OrderedDict())
    found: Experiment | None = shelf.get(tab)
    if found is None or found.began != settings or found.step > to or not found.take(by_hand):
        found = Experiment(settings, by_hand)
    shelf[tab] = found
    shelf.move_to_end(tab)
    while len(shelf) > MOST_TABS:
        shelf.popitem(last=False)
    return found


def there(studio: Studio, tab: str, link: Mapping[str, Any], edits: str, to: int) -> "Experiment":
    """A tab's training at step `to`; ValueError where it takes longer than a moment to get there."""
    experiment = experiment_of(studio, tab, link, edits, to)
    experiment.advance(to, SECONDS)
    if experiment.step < to and not experiment.failed:
        raise ValueError(f"the training is at step {experiment.step:,} of {to:,}: wait until it is there")
    return experiment


def output_of(experiment: "Experiment") -> str:
    """What the network's outputs are: a number squashed between -1 and 1, a logit a class, or a number."""
    if not experiment.points.classes:
        return "number"
    return "logits" if experiment.settings.loss == "entropy" else "squashed"


def points(experiment: "Experiment") -> dict[str, Any]:
    """The points, those for training first, and what each is."""
    found = experiment.points
    return {"inputs": found.inputs, "targets": found.targets, "train": found.train}


def points_key(settings: Settings) -> str:
    """What the points follow from, in short."""
    what = (settings.data, settings.points, settings.noise, settings.share, settings.seed, settings.own)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]
