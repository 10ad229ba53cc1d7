"""What is drawn of neurons, latents and rules, with traces made by hand."""

import re

import numpy as np

from glassworks.draw.markup import Markup
from glassworks.interpret.neurons.fit_legends import NEURON_RULES, SAE
from glassworks.trace.neurons.latents import examples_in
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

TEXTS = {0: " the", 1: " cat", 2: " dog", 3: "<b>"}


def words(markup: Markup) -> str:
    """What a page says."""
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]*>", " ", markup))


def sae_trace() -> Trace:
    """Two networks with two latents shown of each: one that fires on one token, and one that fires at two places."""
    example, offset = ["top 1", "quantile 0.5", "random 1", "weakest 1"], ["-1", "0"]
    places = (2, 2, 2, 4)  # row, split, shown, example
    statistics = dict.fromkeys(("firing_rate", "zeros", "mean", "deviation", "lowest", "highest", "scale"), (2, 2, 2))
    arrays = {
        **{name: np.array([0.9, 0.5]) for name in ("variance_explained", "l0", "dead_share")},
        "loss": np.array([2.0, 8.0]),
        "loss_spliced": np.array([2.5, 8.0]),
        "loss_ablated": np.array([4.0, 7.5]),  # zeros lower the random network's loss
        "loss_recovered": np.array([0.75, -1.0]),
        "frequency": np.array([[0.5, 0.01, 0.0], [0.2, 0.2, 0.2]]),
        "latent": np.array([[0, 1], [2, 1]]),
        "latent_activation": np.full(places, 3.0),
        "latent_row": np.zeros(places, int),
        "latent_position": np.ones(places, int),
        "latent_window_activation": np.full((*places, 2), 3.0),
        "latent_window_token": np.broadcast_to([0, 1], (*places, 2)).copy(),
        "latent_token_agreement": np.array([[1.0, 0.5], [0.25, 0.25]]),
        "latent_token_agreement_control": np.zeros((2, 2)),
        **{f"latent_{name}": np.full(shape, 0.25) for name, shape in statistics.items()},
        "promoted_ids": np.array([[[2], [3]], [[0], [0]]]),
        "promoted": np.array([[[1.5], [0.5]], [[0.1], [0.1]]]),
        "promoted_control": np.full((2, 1), 0.125),
    }
    arrays["latent_window_token"][1] = 2
    axes = {name: ("row", "split", "shown") for name in arrays if name.startswith("latent_")}
    axes |= {f"latent_{name}": ("row", "split", "shown", "example") for name in ("activation", "row", "position")}
    axes |= {
        f"latent_window_{name}": ("row", "split", "shown", "example", "offset") for name in ("activation", "token")
    }
    axes |= {f"latent_token_agreement{what}": ("row", "shown") for what in ("", "_control")}
    axes |= {"latent": ("row", "shown"), "frequency": ("row", "latent"), "promoted_control": ("row", "top")}
    axes |= dict.fromkeys(("promoted", "promoted_ids"), ("row", "shown", "top"))
    axes = {name: axes.get(name, ("row",)) for name in arrays}
    labels = {"row": ["trained network", "random network"], "split": ["ranked", "held out"]}
    labels |= {"example": example, "offset": offset}
    meta: dict[str, str | float | int] = {"point": "blocks.1.resid_post", "latents": 3, "kind": "topk", "steps": 1}
    return Trace("sae", arrays, axes, labels, meta, TEXTS, SAE)


def test_latents_are_drawn_with_their_texts_their_tokens_and_the_random_networks_beside_them() -> None:
    said = words(trace_figure(sae_trace()))
    assert "Latent 0" in said
    assert "A random network, latent 2" in said
    assert "promotes “·dog” (by up to 1.5; a random direction 0.12)" in said
    assert "&lt;b&gt;" in said
    assert "This network: 75\u00a0% (another latent’s: 0\u00a0%)" in said
    assert "A random network: 25\u00a0%" in said
    assert said.index("Strongest on held-out") < said.index("From strong to weak")


def test_no_share_of_a_loss_is_told_that_zeros_do_not_raise() -> None:
    (row,) = re.findall(r"<tr>(?:(?!<tr>).)*share of the loss recovered.*?</tr>", trace_figure(sae_trace()))
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == ["0.75", "–"]


def test_the_latents_of_a_trace_are_a_trace_of_examples() -> None:
    found = examples_in(sae_trace(), 1)
    assert found.method == "neuron_examples"
    assert found.labels["neuron"] == ["2", "1"]
    assert (found.arrays["window_token"] == 2).all()
    assert found.axes["activation"] == ("split", "neuron", "example")


# ----------------------------------------------------------------------------------------------------------------------
# Rules


def rules_trace(r2: np.ndarray) -> Trace:
    """Rules of the neurons of one layer, of which one is told in words; r2 (row, neuron)."""
    arrays = {
        "explained": np.array([[0.5], [0.0]]),
        "median_r2": np.array([[0.3], [-0.001]]),
        "median_f1": np.array([[0.5], [0.1]]),
        "r2": r2[:, None],
        "f1_always": np.full((1, r2.shape[1]), 0.75),
        "told_neuron": np.array([[1]]),
        "told_rule": np.array([[["“a” and not “b”", ""]]]),
        "told_value": np.array([[[2.5, np.nan]]]),
        "told_fires": np.array([[[0.5, np.nan]]]),
        "told_count": np.array([[[1234, 0]]]),
    }
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(("explained", "median_r2", "median_f1"), ("row", "point"))
    axes |= {"r2": ("row", "point", "neuron"), "f1_always": ("point", "neuron"), "told_neuron": ("point", "told")}
    axes |= {name: ("point", "told", "rule") for name in arrays if name not in axes}
    labels = {"row": ["trees", "shuffled features"], "point": ["mlp"], "told": ["best"]}
    return Trace("neuron_rules", arrays, axes, labels, {"min_r2": 0.7}, legend=NEURON_RULES)


def test_rules_are_written_out_with_their_r2_beside_that_of_shuffled_questions() -> None:
    said = words(trace_figure(rules_trace(np.array([[0.3, 0.8], [-0.001, -0.004]]))))
    assert "Mlp, neuron 1, the best explained : R² 0.80 (shuffled questions 0.00)" in said
    assert "“a” and not “b” 2.5 50\u00a0% 1,234" in said
    assert "mlp: saying that each fires everywhere – – 0.75" in said
    assert "R² of at least 0.7" in said


def test_noise_is_drawn_flat_and_very_bad_trees_do_not_set_the_scale() -> None:
    for r2 in ([[0.001, 0.002], [-0.001, 0.0]], [[-50.0, 0.9], [0.0, 0.0]]):
        drawn = trace_figure(rules_trace(np.array(r2)))
        (plot,) = re.findall(r"<svg[^>]*role.*?</svg>", drawn, re.S)[:1]
        assert ">1</text>" in plot  # the axis reaches 1, whatever the numbers
        assert ">0</text>" in plot
        assert "−50" not in plot
