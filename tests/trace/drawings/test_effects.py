"""Effects beside their controls, guesses beside the truth, pushes beside what they are to reach."""

import re

import numpy as np
import pytest
from tests.trace.drawings.test_edges import marks_of
from tests.trace.test_render import read

from glassworks.draw.scatter import Dots, Scatter, scatter, span
from glassworks.interpret.causes.legends.places import ABLATION, ACTIVATION_PATCHING, ATTRIBUTION_PATCHING, STEERING
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def patched(size: float = 0.8) -> Trace:
    values = np.array([[1.0, 0.0], [0.5, size]])
    return Trace(
        "activation_patching",
        {
            "resid_pre": values, "resid_pre_metric": values[..., None], "resid_pre_control": np.array([0.25, -0.125]),
            "resid_pre_deviation": np.array([0.125, 0.0625]), "resid_pre_control_true": np.array([1.0, size]),
        },
        {
            "resid_pre": ("layer", "position"), "resid_pre_metric": ("layer", "position", "pair"),
            **{f"resid_pre_{part}": ("resid_pre_place",) for part in ("control", "deviation", "control_true")},
        },
        {"layer": ["0", "1"], "position": ["a", "b"], "resid_pre_place": ["layer 0, “a”", "layer 1, “b”"]},
        legend=ACTIVATION_PATCHING,
    )  # fmt: skip


def test_an_effect_and_its_random_changes_lie_on_one_axis() -> None:
    """They were bars at other places, on a scale of their own."""
    page = trace_figure(patched())
    control = "random changes of the same size there: their mean ± deviation"
    assert marks_of(page, "layer 0, “a”") == [(control, 0.25), ("the change itself", 1.0)]
    assert "0.25 ± 0.12</title>" in page


def test_a_scale_of_shares_is_that_of_shares_whatever_the_numbers() -> None:
    pages = [trace_figure(patched(size)) for size in (0.8, 0.001)]
    for page in pages:
        assert {"−1", "−0.5", "0", "0.5", "1"} <= set(re.findall(r">(−?[\d.]+)</span>", page))


def test_ways_of_silencing_stand_each_on_its_line_with_its_own_random_change() -> None:
    values = np.arange(6.0).reshape(2, 3) / -10
    parts = {
        "mlp_out_control": values[:, :2] / 2,
        "mlp_out_deviation": values[:, :2] / -8,
        "mlp_out_control_true": values[:, :2],
    }
    trace = Trace(
        "ablation",
        {"mlp_out": values, "mlp_out_metric": values[..., None], **parts},
        {
            "mlp_out": ("kind", "layer"),
            "mlp_out_metric": ("kind", "layer", "pair"),
            **dict.fromkeys(parts, ("kind", "mlp_out_place")),
        },
        {"kind": ["zero", "mean"], "layer": ["0", "1", "2"], "mlp_out_place": ["layer 0", "layer 1"]},
        legend=ABLATION,
    )
    page = trace_figure(trace)
    assert '<table class="heat' in page  # not lines from layer to layer: MLPs are no curve
    assert "thread" not in page
    assert marks_of(page, "layer 1") == [
        ("set to zero: random", -0.05),
        ("set to its mean: random", -0.2),
        ("set to zero", -0.1),
        ("set to its mean", -0.4),
    ]


def test_guesses_are_a_scatter_against_the_truth() -> None:
    guess, true = np.array([[0.5, 0.25], [0.0, 0.125]]), np.array([[0.75, 0.25], [0.0, -0.5]])
    trace = Trace(
        "attribution_patching",
        {"z": guess, "z_true": true, "mlp_out": guess[0], "mlp_out_true": true[0]},
        {"z": ("layer", "head"), "z_true": ("layer", "head"), "mlp_out": ("layer",), "mlp_out_true": ("layer",)},
        {"layer": ["0", "1"], "head": ["0", "1"]},
        {"z_pearson": 0.5, "z_shuffled": -0.25},
        legend=ATTRIBUTION_PATCHING,
    )
    page = trace_figure(trace)
    assert page.count("see-through") == 6
    assert "layer 1, head 1: guess 0.125, truth, by patching −0.5</title>" in page
    assert "layer 0, MLP" in page
    assert "r = 0.50, of shuffled guesses −0.25" in read(trace).text


def test_steering_has_the_texts_own_answer_and_no_push_as_lines() -> None:
    rows = ["direction", "random directions", "wrong place", "null"]
    metric = np.array([[-1.0, 0.5, 3.0], [0.4, 0.5, 0.6], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    deviation = np.full((4, 3), np.nan)
    deviation[1] = 0.25
    trace = Trace(
        "steering", {"metric": metric, "deviation": deviation},
        {"metric": ("row", "scale"), "deviation": ("row", "scale")}, {"row": rows, "scale": ["-1", "0", "1"]},
        {"plain": 0.5, "goal": 2.5, "longest": 1}, legend=STEERING,
    )  # fmt: skip
    page = trace_figure(trace)
    assert page.count("<figure") == 1  # the deviation was a chart of its own
    assert "the text’s own answer" in page
    assert "no push" in page
    assert "whisker" in page
    assert "along random directions 0.4</title>" in page


def test_both_axes_of_a_scatter_are_one_and_the_farthest_are_named() -> None:
    plot = Scatter([Dots("all", [0.0, 2.0, 0.1], [0.0, -3.0, 0.1], ["a", "far", "b"])], "guess", "truth", 1.0, named=1)
    assert span(plot) == pytest.approx((-3.2, 2.2))
    page = scatter(plot)
    assert ">far</text>" in page
    assert ">a</text>" not in page
