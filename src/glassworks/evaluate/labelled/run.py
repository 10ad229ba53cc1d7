"""A run's network on its test part, beside its rivals on the same examples: evals/test.json."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.progress import counted
from glassworks.core.runs import Run, check_run
from glassworks.data.labelled.prepare import Labelled
from glassworks.data.labelled.store import Part
from glassworks.evaluate.labelled.figures import (
    MEASURES,
    QUANTILES,
    class_figures,
    diagram,
    ece_figure,
    number_figures,
    quantile_offsets,
    recall_figures,
    temperature,
)
from glassworks.evaluate.labelled.intervals import FEW, Figure, Resamples, wilson
from glassworks.evaluate.labelled.predictions import PartLike, Predictions, predict_part, validation
from glassworks.evaluate.labelled.rivals import Rival, rivals
from glassworks.evaluate.labelled.verdict import advice, verdict
from glassworks.objectives.metrics.classification import confusion_matrix, counts, f1, precision, recall
from glassworks.train.device import pick_device
from glassworks.train.opening import open_run

MISTAKES = 24
"""Of the most confident ones, that many are told."""
LOOK = 2000
"""Training examples on which the network is measured, too, at most."""


def evaluate_labelled(run: Run) -> dict[str, Any]:
    """Measure the network and its rivals on the whole test part, and write down all of it: `evals/test.json`.

    Every figure has `value`, `low` and `high`: a 95 % interval over examples, or over groups where the data have them.
    """
    check_run(run, "eval")
    path = run.eval_path("test")
    refuse_unwritable(path)
    opened = open_run(run, pick_device(), use="eval")
    optimizer = run.record.get("recipe", {}).get("optimizer", {}).get("name", "")
    result = measure(opened.model, opened.data, optimizer=optimizer)
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def measure(
    model: nn.Module, data: Labelled, part: Part | None = None, *, seed: int = 0, optimizer: str = ""
) -> dict[str, Any]:
    """What `evaluate_labelled` writes, of any model and prepared data.

    Args:
        model: the network.
        data: what it was trained on: the rivals are, too.
        part: what is judged; None = the data's own test part.
        seed: of the resamples, and of what rivals draw.
        optimizer: what it was trained by, for what is advised; "" = unknown.

    Raises: ValueError for a part without examples.
    """
    began, judged = time.monotonic(), data.test if part is None else part
    ours = predict_part(model, judged)
    held = predict_part(model, data.validation, label="calibrate") if len(data.validation) else None
    found = rivals(data.train, data.validation, judged, task=data.task, num_classes=len(data.classes), seed=seed)
    result = judge(ours, held, found, data.classes, seed=seed)
    result["training"] = on_training(model, data.train)
    result["verdict"] = verdict(result, "hold out more, by --test" if part is None else "measure on more")
    result["advice"] = advice(result, optimizer)
    result["notes"] += copied(judged, data.train)
    result["seconds"] = time.monotonic() - began
    return result


def judge(
    ours: Predictions,
    held: Predictions | None,
    found: Sequence[Rival],
    classes: Sequence[str] = (),
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of predictions, and of rivals beside them.

    Args:
        ours: the network's, of the test part.
        held: of the validation part, for the temperature, or the quantiles of numbers; None = there is none.
        found: the rivals, on the same examples.
        classes: their names; () for numbers.
        seed: of the resamples.
    """
    task = "classes" if classes else "number"
    figures = {f"network/{name}": figure for name, figure in network_figures(ours, held, len(classes)).items()}
    for i, rival in enumerate(found):
        of_rival = rival_figures(rival, len(classes))
        figures |= {f"{i}/{name}": figure for name, figure in of_rival.items()}
    warmth, why = temperature(held) if classes else (None, None)
    if warmth is not None:
        mended = ours.at(warmth)
        figures |= {f"mended/{name}": figure for name, figure in class_figures(mended, len(classes)).items()}
        figures["mended/ece"] = ece_figure(mended)[0]
    if classes and ours.groups is not None:
        figures |= recall_figures(ours, len(classes))
    resamples = Resamples(figures, ours.groups, seed=seed)
    result: dict[str, Any] = {
        "task": task,
        "examples": len(ours),
        "units": "examples" if ours.groups is None else "groups",
        "num_units": resamples.units,
        "metrics": intervals(resamples, "network"),
        "rivals": [beside(resamples, str(i), rival) for i, rival in enumerate(found)],
        "notes": notes(ours, resamples.units, classes),
    }
    if not classes:
        return result | {"quantiles": quantiles_told(held), "mistakes": largest_errors(ours)}
    matrix = confusion_matrix(ours.targets, ours.predicted, len(classes))
    return result | {
        "classes": list(classes),
        "per_class": per_class(matrix, classes, resamples),
        "confusion": matrix.tolist(),
        "calibration": calibration(ours, warmth, why, resamples),
        "mistakes": mistakes(ours, classes),
    }


def network_figures(ours: Predictions, held: Predictions | None, num_classes: int) -> dict[str, Figure]:
    """Of the network."""
    if num_classes:
        return class_figures(ours, num_classes) | {"ece": ece_figure(ours)[0]}
    assert held is None or held.values is not None
    residuals = np.zeros(0) if held is None or held.values is None else held.targets - held.values
    return number_figures(ours, quantile_offsets(residuals))


def rival_figures(rival: Rival, num_classes: int) -> dict[str, Figure]:
    """Of a rival."""
    if num_classes:
        return class_figures(rival.predictions, num_classes)
    return number_figures(rival.predictions, quantile_offsets(rival.residuals))


def intervals(resamples: Resamples, who: str) -> dict[str, Any]:
    """One predictor's figures, by name."""
    names = [name for name in MEASURES if f"{who}/{name}" in resamples.values]
    return {name: vars(resamples.interval(f"{who}/{name}")) for name in names}


def differences(resamples: Resamples, ours: str, theirs: str) -> dict[str, Any]:
    """One predictor's figures less another's, by name; without the coverage, of which more is no better."""
    return {
        name: resamples.difference(
            f"{ours}/{name}", f"{theirs}/{name}", higher_is_better=measure.higher_is_better
        ).figures()
        for name, measure in MEASURES.items()
        if name != "coverage" and {f"{ours}/{name}", f"{theirs}/{name}"} <= resamples.values.keys()
    }


def beside(resamples: Resamples, who: str, rival: Rival) -> dict[str, Any]:
    """A rival, as a file has it."""
    return {
        "name": rival.name,
        "note": rival.note,
        "seconds": rival.seconds,
        "metrics": intervals(resamples, who),
        "difference": differences(resamples, "network", who),
    }


def calibration(ours: Predictions, warmth: float | None, why: str | None, resamples: Resamples) -> dict[str, Any]:
    """How far probabilities can be believed, before and after the temperature that suits the validation part.

    In each, `calibrated` is the control: the ECE of a model that is right just as often as this one is confident, its
    mean, and the bound below which that of 95 of 100 such test parts lies.
    """
    found: dict[str, Any] = {
        "temperature": warmth,
        "why_none": why,
        "before": diagrams(ours),
    }
    if warmth is not None:
        found["after"] = diagrams(ours.at(warmth))
        found["metrics_after"] = intervals(resamples, "mended")
        found["gain"] = differences(resamples, "mended", "network")
    return found


def diagrams(found: Predictions) -> dict[str, Any]:
    """Both reliability diagrams, and the control of the ECE in bins of the same width."""
    both = {"equal_width": diagram(found, "width"), "equal_mass": diagram(found, "mass")}
    return both | {"calibrated": ece_figure(found)[1]}


def per_class(matrix: Any, classes: Sequence[str], resamples: Resamples) -> list[dict[str, Any]]:
    """Of each class, how many examples it has, how often it was predicted, and how well; null where nothing tells.

    Intervals of recall are Wilson's where examples are independent; of groups those of the resamples.
    """
    found = counts(matrix)
    rows = []
    for i, (r, p, f) in enumerate(zip(recall(found), precision(found), f1(found), strict=True)):
        low, high = wilson(int(found.hits[i]), int(found.support[i]))
        if f"recall/{i}" in resamples.values:
            over_groups = resamples.interval(f"recall/{i}")
            low, high = over_groups.low, over_groups.high
        known = {"recall": r, "precision": p, "f1": f}
        rows.append(
            {"class": classes[i], "examples": int(found.support[i]), "predicted": int(found.claimed[i])}
            | {name: None if np.isnan(value) else float(value) for name, value in known.items()}
            | {"recall_low": low, "recall_high": high}
        )
    return rows


def mistakes(found: Predictions, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The most confident mistakes, the surest first: which example it is, what it was taken for, and what it is."""
    wrong = np.flatnonzero(found.predicted != found.targets)
    chosen = wrong[np.argsort(-found.confidence[wrong], kind="stable")][:MISTAKES]
    return [
        {
            "index": int(i),
            "name": name,
            "predicted": classes[found.predicted[i]],
            "true": classes[found.targets[i]],
            "probability": float(found.confidence[i]),
            "probability_of_true": float(found.probabilities[i, found.targets[i]]),
        }
        for i, name in zip(chosen, found.names(chosen.tolist()), strict=True)
    ]


def largest_errors(found: Predictions) -> list[dict[str, Any]]:
    """The examples whose number was missed by most."""
    assert found.values is not None
    errors = found.values - found.targets
    chosen = np.argsort(-np.abs(errors), kind="stable")[:MISTAKES]
    return [
        {
            "index": int(i),
            "name": name,
            "predicted": float(found.values[i]),
            "true": float(found.targets[i]),
            "error": float(errors[i]),
        }
        for i, name in zip(chosen, found.names(chosen.tolist()), strict=True)
    ]


def quantiles_told(held: Predictions | None) -> dict[str, float | None]:
    """What is added to a predicted number for its quantiles; null where the validation part is too small to tell."""
    if held is None or held.values is None:
        return {}
    offsets = quantile_offsets(held.targets - held.values)
    return {f"{q:g}": float(o) if np.isfinite(o) else None for q, o in zip(QUANTILES, offsets, strict=True)}


def on_training(model: nn.Module, part: PartLike) -> dict[str, float]:
    """The network on examples that it was trained on: how much better it is there, it knows by heart."""
    looked = validation(model, part, most=LOOK)
    return {name.removeprefix("val_"): value for name, value in looked.items()} | {"examples": min(len(part), LOOK)}


def notes(ours: Predictions, units: int, classes: Sequence[str]) -> list[str]:
    """What is to be known beside the figures, a sentence each."""
    said = []
    if ours.groups is not None:
        said.append(f"intervals are over {counted(units, 'group')} of examples, which are taken or left as wholes")
    if units < FEW:
        what = "example" if ours.groups is None else "group"
        said.append(f"{counted(units, what)} to judge by: intervals are too narrow, and most differences unknown")
    if classes:
        there = np.bincount(ours.targets, minlength=len(classes))
        absent = [name for name, number in zip(classes, there, strict=True) if not number]
        if absent:
            names = ", ".join(absent[:10]) + (f" and {len(absent) - 10} more" if len(absent) > 10 else "")
            said.append(f"no test example of {names}: nothing is known of {'it' if len(absent) == 1 else 'them'}")
    elif np.ptp(ours.targets) == 0:
        said.append("all test targets are the same: there is no variance to explain, so no R²")
    return said


def copied(judged: Part, train: Part) -> list[str]:
    """Examples that the network was trained on."""
    copies = int(np.isin(judged.keys, train.keys).sum())
    if not copies:
        return []
    return [
        f"{copies:,} of the {len(judged):,} test examples are exactly in the training part, too: the score flatters"
    ]
