"""Which drawing follows from an array's axes, and which arrays stand beside each other."""

import numpy as np
import pytest
from glassworks.trace.pairing import controls_of, errors_of, note_of
from tests.trace.test_render import read

from glassworks.draw.arrays.axes import Axis, plan
from glassworks.trace.trace import Trace


@pytest.mark.parametrize(
    ("axes", "drawing", "shown"),
    [
        ({"layer": 6}, "lines", ["layer"]),
        ({"layer": 2}, "bars", ["layer"]),
        ({"site": 6}, "bars", ["site"]),
        ({"position": 6}, "strip", ["position"]),
        ({"neuron": 500}, "sorted", ["neuron"]),
        ({"row": 3, "layer": 6}, "lines", ["row", "layer"]),
        ({"layer": 6, "site": 3}, "lines", ["site", "layer"]),
        ({"layer": 6, "head": 4}, "heat", ["layer", "head"]),
        ({"component": 20, "position": 9}, "heat", ["component", "position"]),
        ({"query": 9, "key": 9}, "heat", ["query", "key"]),
        ({"row": 3, "layer": 6, "head": 4}, "heat", ["layer", "head"]),
        ({"row": 3, "layer": 6, "site": 4}, "lines", ["row", "layer"]),
        ({"row": 3, "site": 6}, "groups", ["row", "site"]),
        ({"row": 3, "point": 2, "neuron": 500}, "sorted", ["row", "neuron"]),
        ({"component": 20, "site": 6}, "heat", ["component", "site"]),
    ],
)
def test_the_drawing_follows_from_the_axes(axes: dict[str, int], drawing: str, shown: list[str]) -> None:
    labels = {
        "row": ["model", "random network", "majority"],
        "site": list("abcdef"),
        "point": ["x.1.y", "z"],
        "position": [f"w{i}" for i in range(9)],
        "query": [f"w{i}" for i in range(9)],
        "key": [f"w{i}" for i in range(9)],
        "component": [f"c{i}" for i in range(20)],
    }
    made = [Axis.of(name, size, labels[name][:size] if name in labels else None) for name, size in axes.items()]
    found = plan(made)
    assert found.drawing == drawing
    assert [made[i].name for i in found.shown] == shown
    assert sorted([*found.panels, *found.shown]) == list(range(len(made)))


def test_points_of_a_stack_of_layers_are_in_order() -> None:
    axis = Axis.of("point", 3, [f"blocks.{i}.resid_post" for i in range(3)])
    assert axis.kind == "ordered"
    assert axis.labels == ("0", "1", "2")
    assert (axis.name, axis.places) == ("layer", "blocks.*.resid_post")
    trace = Trace("any", {"share": np.arange(3.0)}, {"share": ("point",)}, {"point": [f"h.{i}.mlp" for i in range(3)]})
    assert "Share by layer. Layers are read at h.*.mlp." in read(trace).text
    assert Axis.of("point", 2, ["blocks.0.resid_pre", "blocks.0.resid_post"]).kind == "named"


def test_results_find_their_errors_and_controls() -> None:
    names = ["kl", "kl_error", "kl_random", "effect", "control", "loss", "z_control", "z_control_true"]
    axes = dict.fromkeys(names, ("layer",)) | {"effect": ("point",), "control": ("point",)}
    axes |= {"z_control": ("draw",), "z_control_true": ("draw",)}
    sizes = {"layer": 2, "point": 3, "draw": 4}
    trace = Trace("any", {name: np.ones(sizes[axes[name][0]]) for name in names}, axes)
    assert errors_of(trace) == {"kl": "kl_error"}
    assert controls_of(trace) == {"kl": ["kl_random"], "effect": ["control"], "z_control": ["z_control_true"]}


def test_notes_fit_names_with_a_place_for_any_word() -> None:
    notes = {"S": "the effect", "S_true": "the truth;", "<measure>_error": "an error", "score": "mine"}
    assert note_of("score", notes) == "Mine."
    assert note_of("z", notes) == "The effect."
    assert note_of("z_true", notes) == "The truth."
    assert note_of("kl_error", notes) == "An error."
    assert note_of("kl_error", {}) == ""
