"""Which drawing follows from the kinds and sizes of an array's axes."""

from typing import get_args

import pytest

from glassworks.draw.arrays.axes import Axis, plan
from glassworks.draw.arrays.kinds import ORDERS, Kind


@pytest.mark.parametrize(
    ("axes", "drawing", "shown"),
    [
        ({"layer": 6}, "lines", ["layer"]),
        ({"layer": 2}, "bars", ["layer"]),
        ({"class": 6}, "bars", ["class"]),
        ({"token": 6}, "strip", ["token"]),
        ({"unit": 500}, "sorted", ["unit"]),
        ({"unit": 16}, "dots", ["unit"]),
        ({"head": 4}, "dots", ["head"]),
        ({"example": 24}, "dots", ["example"]),
        ({"control": 3, "unit": 16}, "dots", ["control", "unit"]),
        ({"class": 20, "unit": 6}, "heat", ["class", "unit"]),
        ({"control": 3, "layer": 6}, "lines", ["control", "layer"]),
        ({"layer": 6, "class": 3}, "lines", ["class", "layer"]),
        ({"layer": 6, "head": 4}, "heat", ["layer", "head"]),
        ({"class": 20, "token": 9}, "heat", ["class", "token"]),
        ({"token": 9, "other token": 9}, "heat", ["token", "other token"]),
        ({"control": 3, "layer": 6, "head": 4}, "heat", ["layer", "head"]),
        ({"control": 3, "layer": 6, "class": 4}, "lines", ["control", "layer"]),
        ({"control": 3, "class": 6}, "dots", ["control", "class"]),
        ({"class": 2, "other class": 6}, "groups", ["class", "other class"]),
        ({"control": 3, "class": 2, "unit": 500}, "sorted", ["control", "unit"]),
        ({"class": 20, "other class": 6}, "heat", ["class", "other class"]),
        ({"pixel_row": 5, "pixel_column": 5}, "image", ["pixel_row", "pixel_column"]),
        (
            {"example": 4, "pixel_row": 5, "pixel_column": 5, "channel": 3},
            "image",
            ["pixel_row", "pixel_column", "channel"],
        ),
    ],
)
def test_the_drawing_follows_from_the_axes(axes: dict[str, int], drawing: str, shown: list[str]) -> None:
    kinds = {"control": "class"}
    made = [
        Axis.of(
            name,
            kinds.get(name, name.removeprefix("other ")),  # type: ignore[arg-type]
            size,
            controls=("0",) if name == "control" else (),
        )
        for name, size in axes.items()
    ]
    found = plan(made)
    assert found.drawing == drawing
    assert [made[i].name for i in found.shown] == shown
    assert sorted([*found.panels, *found.shown]) == list(range(len(made)))


def test_every_kind_of_axis_has_an_order() -> None:
    assert set(ORDERS) == set(get_args(Kind))
