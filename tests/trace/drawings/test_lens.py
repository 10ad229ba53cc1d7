"""The lens: a table that opens at the answer, and how far layers are from the last, beside an untrained network's."""

import re

import numpy as np

from glassworks.interpret.transformer.legends.predictions import LOGIT_LENS
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def lens(kl: np.ndarray, layers: int = 3) -> Trace:
    """A trace of a lens on three tokens, all of whose guesses are token 0."""
    top = ("layer", "position", "top")
    arrays = {
        "top_ids": np.zeros((layers, 3, 1), int),
        "top_probabilities": np.full((layers, 3, 1), 0.5),
        "next_probability": np.full((layers, 2), 0.5),
        "next_rank": np.ones((layers, 2), int),
        "kl": kl,
    }
    axes = {"top_ids": top, "top_probabilities": top, "kl": ("network", "layer", "position")}
    axes |= dict.fromkeys(("next_probability", "next_rank"), ("layer", "next"))
    labels = {"layer": ["embed", *map(str, range(layers - 1))], "position": list("abc"), "next": list("bc")}
    return Trace("logit_lens", arrays, axes, labels | {"network": ["model", "untrained"]}, legend=LOGIT_LENS)


def test_distances_are_a_line_a_network_without_the_last_layer() -> None:
    kl = np.zeros((2, 4, 3))
    kl[0, :3], kl[1, :3] = [[1.0, 2.0, 6.0], [1.0] * 3, [0.5] * 3], [[0.25] * 3, [0.125] * 3, [0.0625] * 3]
    page = trace_figure(lens(kl, 4))
    found = set(re.findall(r"<title>(this model|an untrained network) (\S+)</title>", page))
    assert found == {
        ("this model", "3"),
        ("this model", "1"),
        ("this model", "0.5"),
        ("an untrained network", "0.25"),
        ("an untrained network", "0.125"),
        ("an untrained network", "0.0625"),
    }
    assert '<table class="heat' not in page


def test_a_table_opens_at_the_answer_and_says_which_layers_it_shows() -> None:
    page = trace_figure(lens(np.ones((2, 40, 3)), 40))
    assert 'class="scroll bleed to-end"' in page
    assert "Shown are 17 of 40 layers. The layers are evenly spaced." in page
