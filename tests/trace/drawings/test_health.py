"""Health: a network's lines and an untrained one's in one chart on one scale; no bars of nothing."""

import re

import numpy as np

from glassworks.interpret.transformer.legends.health import HEALTH
from glassworks.trace.drawings.health import dead_units
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def health(dead: list[float], dead_untrained: list[float]) -> Trace:
    """A trace of two layers whose sizes are powers of ten."""
    arrays = {
        "activation_rms": np.array([[1.0, 10.0], [2.0, 20.0]]),
        "gradient_rms": np.array([[1e-3], [1e-4]]),
        "dead_fraction": np.array(dead),
        "outer_gradient_rms": np.array([0.5]),
    }
    axes = {"activation_rms": ("layer", "site"), "gradient_rms": ("layer", "part"), "dead_fraction": ("layer",)}
    axes |= {"outer_gradient_rms": ("outer",)}
    beside = {f"{name}_untrained": 3 * array for name, array in arrays.items()} | {
        "dead_fraction_untrained": np.array(dead_untrained)
    }
    return Trace(
        "health",
        arrays | beside,
        axes | {f"{name}_untrained": of for name, of in axes.items()},
        {"site": ["resid_post", "mlp_out"], "part": ["attn.qkv"], "outer": ["head"]},
        {"loss": 2.5, "loss_untrained": 8.25, "num_tokens": 2048, "text": "held-out text"},
        legend=HEALTH,
    )


def test_both_networks_are_in_one_chart_in_the_same_colours() -> None:
    page = trace_figure(health([0.0, 0.25], [0.0, 0.0]))
    assert page.count('<figure class="chart"') == 3
    first = page.split("</figure>")[0].split('class="narrow"')[0]
    assert re.findall(r'class="line (line\d) dashed"', first) == ["line0", "line1"]
    assert len(re.findall(r"<circle", first)) == 4
    assert "untrained: what the MLP writes 60" in first  # as hovering tells
    assert "dashed: the same in an untrained network" in first
    for said in (
        "attention: queries, keys, values",
        "2,048 tokens; this model’s loss on it is 2.50, the untrained one’s 8.25 nats a token.",
        "Outside the blocks: head 0.5 (untrained 1.5).",
    ):
        assert said in page


def test_dead_units_are_percent_and_where_there_are_none_a_sentence() -> None:
    assert ">this model 25<" in dead_units(health([0.0, 0.25], [0.0, 0.0]))
    page = dead_units(health([0.0, 0.0], [0.0, 0.0]))
    assert "No MLP unit is dead: none of the model’s, nor of the untrained network’s," in page
    assert "<svg" not in page
