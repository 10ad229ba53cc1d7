"""What is drawn of neurons, latents and rules, with traces made by hand."""

import re

import numpy as np
import pytest

from glassworks.draw.markup import Markup
from glassworks.interpret.neurons.fit_legends import NEURON_RULES, RULE_SWAP, SAE
from glassworks.interpret.neurons.legends import NEURON_ABLATION, NEURON_DIRECTIONS, NEURON_EXAMPLES
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


def test_a_neuron_stands_before_the_one_of_its_number_in_an_untrained_network() -> None:
    latents, names = sae_trace(), ("vocabulary",)
    own, fresh = examples_in(latents, 0), examples_in(latents, 1)
    arrays = own.arrays | {f"untrained_{name}": array for name, array in fresh.arrays.items()}
    axes = own.axes | {f"untrained_{name}": of for name, of in fresh.axes.items()}
    labels = own.labels | {"vocabulary": list(TEXTS.values())}
    arrays["vocabulary_count"], axes["vocabulary_count"] = np.ones(4), names
    trace = Trace("neuron_examples", arrays, axes, labels, {"point": "mlp"}, legend=NEURON_EXAMPLES)
    drawn = trace_figure(trace)
    said = words(drawn)
    assert "This network: 75\u00a0% (another neuron’s: 0\u00a0%). An untrained network: 25\u00a0%" in said
    assert said.index("Neuron 0") < said.index("An untrained network, neuron 0: It fires") < said.index("Neuron 1")
    assert "What it fires on, most strongly at “·dog”" in said
    assert len(re.findall("<details", drawn)) == 2 * 4 - 1  # the first neuron is open: others, and both kinds within


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


# ----------------------------------------------------------------------------------------------------------------------
# Neurons taken away, replaced, and by their weights


def ablation_trace(effect: list[float], others: list[float]) -> Trace:
    """Effects of neurons 10, 11, ... and of others."""
    values, beside = np.array(effect), np.array(others)
    arrays = {"effect": values, "effect_error": np.full_like(values, 1e-4), "kl": abs(values), "mean": values}
    arrays |= {"larger": np.array([0.25] * len(values)), "control_effect": beside, "control_kl": abs(beside)}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(arrays, ("neuron",))
    axes |= {"control_effect": ("control",), "control_kl": ("control",)}
    labels = {"neuron": [str(10 + i) for i in range(len(values))], "control": [str(i) for i in range(len(beside))]}
    return Trace("neuron_ablation", arrays, axes, labels, {"point": "mlp"}, legend=NEURON_ABLATION)


def places(drawing: str, kind: str) -> list[float]:
    """Where the marks of a kind lie across."""
    return [float(x) for x in re.findall(rf'<(?:circle cx="|path d="M)([\d.]+)[^>]*class="line {kind} mark', drawing)]


def test_neurons_stand_by_their_effect_with_the_others_below_on_the_same_axis() -> None:
    drawn = trace_figure(ablation_trace([0.1, 0.5, -0.5], [0.25, 0.0]))
    first = drawn.split('class="narrow"')[0]
    rows = re.findall(r'class="node-name">([^<]*)</text>', first)
    assert rows == ["neuron 11", "neuron 10", "neuron 12", "2 others"]
    found = places(first, "line0")
    assert found[0] > found[1] > found[2]
    half = places(first, "control2")
    zero = (found[0] + found[2]) / 2
    assert half[1] == pytest.approx(zero, abs=0.1)
    assert (half[0] - zero) / (found[0] - zero) == pytest.approx(0.5, abs=0.01)
    assert "neuron 0: 0.25</title>" in first
    assert "As far from 0 as neuron 11, which is farthest, are 25\u00a0% of the others." in words(drawn)


def test_effects_of_an_untrained_network_are_not_stretched_over_the_axis() -> None:
    first = trace_figure(ablation_trace([0.0004, -0.0004, 0.0], [0.0003, -0.0002])).split('class="narrow"')[0]
    found = places(first, "line0") + places(first, "control2")
    assert max(found) - min(found) < 60  # of 760


def test_rules_stand_before_their_controls_and_the_untouched_network_is_left_out() -> None:
    kl = np.array([[0.0], [0.01], [1.0], [0.1]])
    arrays = {"kl": kl, "kl_error": kl / 10, "top1": 1 - kl / 2, "top1_error": kl / 10}
    arrays |= {"num_replaced": np.array([33]), "num_neurons": np.array([512])}
    axes = {name: ("place",) if name.startswith("num") else ("replacement", "place") for name in arrays}
    labels = {"replacement": ["reference", "trees", "random trees", "mean ablation"], "place": ["mlp"]}
    drawn = trace_figure(Trace("neuron_rules_swapped_in", arrays, axes, labels, {"min_r2": 0.5}, legend=RULE_SWAP))
    assert "mlp: 33 of 512 neurons replaced" in drawn
    first, second = (part.split('class="narrow"')[0] for part in drawn.split('class="wide"')[1:])
    names = re.findall(r'class="node-name">([^<]*e[^<]*)</text>', first + second)
    assert names == ["their rules", "their means", "rules dealt out anew"] * 2
    left = [places(first, kind)[0] for kind in ("line0", "control0", "control1")]
    assert left[1] - left[0] == pytest.approx(left[2] - left[1], abs=0.2)  # tenfold each
    (most,) = places(second, "line0")
    assert most > places(second, "control0")[0] > places(second, "control1")[0]


def test_tokens_are_coloured_where_they_go_beyond_random_directions() -> None:
    arrays = {
        "promoted": np.array([[3.0, 0.5], [0.9, 0.5]]),
        "promoted_ids": np.array([[1, 2], [2, 1]]),
        "suppressed": np.array([[-0.5, -0.4], [-2.0, -0.1]]),
        "suppressed_ids": np.array([[1, 2], [2, 1]]),
        "promoted_control": np.array([1.0, 0.8]),
        "nearest": np.array([[[0.3, 0.2], [0.3, 0.2]]]),
        "nearest_ids": np.array([[[1, 2], [3, 0]]]),
        "nearest_control": np.array([0.4, 0.35]),
    }
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(arrays, ("neuron", "top"))
    axes |= {"promoted_control": ("top",), "nearest_control": ("top",)}
    axes |= dict.fromkeys(("nearest", "nearest_ids"), ("side", "neuron", "top"))
    labels = {"side": ["input"], "neuron": ["4", "7"]}
    drawn = trace_figure(
        Trace("neuron_directions", arrays, axes, labels, {"layer": 0}, TEXTS, legend=NEURON_DIRECTIONS)
    )
    coloured = re.findall(r'<span class="surprise(\d+)">([^<]*)<', drawn)
    assert coloured == [("15", "·cat"), ("15", "·dog")]  # three times, and twice what a random direction reaches
    assert words(drawn).count("random directions 1 0.8") == 1
    assert words(drawn).count("random directions −1 −0.8") == 1
    assert "to what it reads" in words(drawn)
