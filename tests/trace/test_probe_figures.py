"""What is drawn of probes, with traces made by hand."""

import re

import numpy as np

from glassworks.interpret.probing.legends import ANSWERS, HIDDEN_ANSWERS, SIMILARITY
from glassworks.trace.drawings.probing import colours, lowest
from glassworks.trace.legend import points
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

ROWS = ["linear", "linear, random network", "linear, shuffled labels", "majority"]
LAYERS = ["blocks.0.resid_post", "blocks.1.resid_post", "blocks.2.resid_post"]


def probe_trace(accuracy: list[float]) -> Trace:
    """Four rows of three layers, each the same everywhere, of two questions."""
    values = np.repeat(np.array(accuracy)[:, None], 3, 1)
    arrays = {
        "accuracy": values,
        "error": np.full_like(values, 0.01),
        "target_accuracy": np.stack([values, values], 2),
        "class_recall": np.stack([values, values], 2),
        "class_share": np.array([0.7, 0.3]),
    }
    axes: dict[str, tuple[str, ...]] = {
        **dict.fromkeys(("accuracy", "error"), ("row", "point")),
        "target_accuracy": ("row", "point", "target"),
        "class_recall": ("row", "point", "class"),
        "class_share": ("class",),
    }
    labels = {"row": ROWS, "point": LAYERS, "target": ["is it so?", "was it so?"], "class": ["no", "yes"]}
    return Trace("probe", arrays, axes, labels, {"examples": 4}, legend=ANSWERS.with_axes(point=points(LAYERS)))


def plots(markup: str) -> list[str]:
    """The charts, the wide one, its narrow copy, then one a question."""
    return re.findall(r"<svg class=\"plot\".*?</svg>\s*(?=</div>)", markup, re.S)


def test_noise_is_not_stretched_over_the_axis() -> None:
    """An untrained network's probes, all within a few thousandths, lie at one height of an axis from a half to 1."""
    first = plots(trace_figure(probe_trace([0.702, 0.7, 0.705, 0.7])))[0]
    heights = [float(y) for y in re.findall(r"<circle[^>]* cy=\"([\d.]+)\"", first)]
    assert len(heights) == 9
    assert max(heights) - min(heights) < 5
    assert ">1</text>" in first


def test_controls_are_drawn_as_such_and_the_commonest_answer_is_a_level() -> None:
    drawn = trace_figure(probe_trace([0.9, 0.8, 0.75, 0.7]))
    wide, _, *panels = plots(drawn)
    assert set(re.findall(r"class=\"line (\w+) dots\"", wide)) == {"line0", "control0", "control1"}
    assert len(re.findall(r"class=\"level\"", wide)) == 1
    assert "always the commonest answer" in wide
    assert [re.search(r">(i|wa)s it so\?<", panel) is not None for panel in panels[:2]] == [True, True]
    assert "always the commonest answer" not in "".join(re.findall(r"<text.*?</text>", panels[0]))
    assert "Layers are read at blocks.*.resid_post." in drawn


def test_a_probe_with_a_hidden_layer_has_a_colour_of_its_own_and_no_two_controls_look_alike() -> None:
    rows = [f"{kind}{what}" for kind in ("linear", "MLP") for what in ("", ", random network", ", shuffled labels")]
    found = colours([*rows, "majority"], HIDDEN_ANSWERS.axes["row"].controls)
    assert found[0] == "line0"
    assert found[3] == "line2"
    assert len(set(found[:6])) == 6


def test_the_axis_begins_at_a_half_or_below_what_is_lower() -> None:
    assert lowest(np.array([0.7, 0.9])) == 0.5
    assert lowest(np.array([0.43, np.nan]), np.array([0.9])) == 0.4
    assert lowest(np.array([np.nan])) == 0.5


def test_similarities_are_coloured_from_0_to_1_and_chance_is_pale() -> None:
    values = np.stack([np.full((3, 3), 0.9), np.full((3, 3), 0.2), np.full((3, 3), -0.0004)])
    values[:, 0, 0] += 1e-3
    axes = {"point": points(LAYERS), "other point": points(LAYERS)}
    trace = Trace(
        "similarity_cka",
        {"similarity": values},
        {"similarity": ("row", "point", "other point")},
        {"row": list(SIMILARITY.entries), "point": LAYERS, "other point": LAYERS},
        legend=SIMILARITY.with_axes(**axes),
    )
    drawn = trace_figure(trace)
    assert not re.search(r"<td class=\"(above|below)", drawn)
    levels = [int(level) for level in re.findall(r"<td class=\"heat-back(\d+)\"", drawn)]
    assert levels[9:18] == [3] * 9
    assert levels[18:] == [0] * 9
