"""Who wrote it: the components named are those that stand out from the vocabulary, and the bars add up."""

import re
from dataclasses import replace

import numpy as np

from glassworks.interpret.transformer.decomposition import component_axis
from glassworks.interpret.transformer.legends.attribution import (
    LOGIT_ATTRIBUTION,
    NEURON_ATTRIBUTION,
    RESIDUAL_DECOMPOSITION,
)
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

WORDS = {7: " Mary", 8: " John"}


def lines(page: str) -> list[tuple[str, str]]:
    """Names and numbers of a page's rows of dots."""
    wide = page.split('class="narrow"')[0]
    return re.findall(r'class="node-name">([^<]*)</text><text[^>]*class="number node-name">([^<]*)</text>', wide)


def logits(components: list[str], term: np.ndarray, mean: np.ndarray) -> Trace:
    """A trace of terms whose last place is what is given, and whose first is nothing."""
    both = {name: np.stack([0 * x, x], 1) for name, x in {"term": term, "vocabulary_mean": mean}.items()}
    single = {"target": np.array([8, 7]), "logit": np.array([0.0, term.sum()])}
    return Trace(
        "logit_attribution",
        {**both, "vocabulary_std": np.full((len(term), 2), 0.25), **single},
        dict.fromkeys([*both, "vocabulary_std"], ("component", "position")) | dict.fromkeys(single, ("position",)),
        {"component": components, "position": ["When", " to"]},
        legend=LOGIT_ATTRIBUTION.with_axes(component=component_axis(components)),
    )


def test_what_lifts_all_logits_alike_comes_after_what_lifts_this_one() -> None:
    term, mean = np.array([0.5, 30.0, -1.0, 2.0]), np.array([0.5, 29.0, 1.0, -1.0])
    page = trace_figure(logits(["embed", "0.attn.1", "0.mlp", "12.attn.3"], term, mean), WORDS.__getitem__)
    first = page.split("<details>")[0]
    assert lines(first) == [
        ("layer 12, head 3", "3.00"),
        ("layer 0, MLP", "−2.00"),
        ("layer 0, head 1", "1.00"),
        ("embedding", "0.00"),
    ]
    assert "What puts “·Mary” above the average token, after “·to”" in first.replace(">what", ">What")
    assert "The logit of “·Mary” is 31.5, that of the average token 29.5" in first  # 3 - 2 + 1 + 0 between them
    assert "adds 30 to “·Mary”, 29 ± 0.25 to the average token" in first
    assert "layer 0, MLP, place → token predicted there ·to → ·Mary: −2" in page  # a map of every place waits below


def test_components_beyond_the_twentieth_are_one_line_and_add_up() -> None:
    term = np.arange(30.0)
    page = trace_figure(logits([f"{i}.mlp" for i in range(30)], term, 0 * term), WORDS.__getitem__)
    found = lines(page.split("<details>")[0])
    assert len(found) == 21
    assert found[-1] == ("the other 10, together", "45.0")
    assert sum(float(number) for _, number in found) == term.sum()


def test_a_single_component_left_over_is_named() -> None:
    term = np.arange(1.0, 22.0)
    found = lines(trace_figure(logits([f"{i}.mlp" for i in range(21)], term, 0 * term)).split("<details>")[0])
    assert found[-1] == ("layer 0, MLP", "1.0")


def test_neurons_are_named_with_what_raises_first_and_how_many_do_half() -> None:
    term = np.zeros((2, 100))
    term[1, 41], term[0, 7], term[1, 3] = 4.0, -2.0, 2.0
    mean = np.zeros_like(term)
    mean[0, 9] = term[0, 9] = 50.0  # lifts every token alike
    shown = {"term": term, "vocabulary_mean": mean, "vocabulary_std": np.ones_like(term), "activation": term / 2}
    trace = Trace(
        "neuron_attribution",
        shown | {"rest": np.array([1.0])},
        dict.fromkeys(shown, ("layer", "neuron")) | {"rest": ("component",)},
        {"component": ["embed"]},
        {"target": 7, "logit": 55.0},
        legend=NEURON_ATTRIBUTION,
    )
    page = trace_figure(trace, WORDS.__getitem__)
    found = lines(page)
    assert found[:2] == [("layer 1, neuron 41", "4.00"), ("layer 1, neuron 3", "2.00")]
    assert found[19] == ("layer 0, neuron 7", "−2.00")
    assert "is the work of 1 of 200" in page
    assert "its activation is 2" in page
    assert "What is no neuron adds 1, and all neurons 54: together the logit." in page


def test_shares_of_the_stream_have_the_untrained_ones_on_their_axis() -> None:
    share = np.array([[[0.75], [0.25]], [[0.5], [0.5]]])
    labels = {"network": ["model", "untrained"], "component": ["embed", "0.mlp"], "position": [" to"]}
    axes = {"share": ("network", "component", "position")}
    trace = Trace("residual_decomposition", {"share": share}, axes, labels, {"chance_cosine": 0.1})
    page = trace_figure(replace(trace, legend=RESIDUAL_DECOMPOSITION))
    wide = page.split('class="narrow"')[0]
    dots = re.findall(r'<circle cx="([\d.]+)"[^>]*class="line (\w+) mark', wide)
    assert [kind for _, kind in dots] == ["control0", "line0"] * 2
    half, most, same, quarter = (float(x) for x, _ in dots)
    assert half == same
    assert abs((most - half) - (half - quarter)) < 0.05
    assert "untrained 0.5" in page
