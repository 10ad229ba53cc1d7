"""Characters of several tokens: whole wherever a text is drawn, and their numbers together."""

import re

import numpy as np
from tests.report.test_run_page import Reader

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.data.tokenizers.spans import in_order
from glassworks.draw.tokens import columns, fitted, groups, labelled
from glassworks.trace.drawings.texts import surprise_figure
from glassworks.trace.neurons.figures import neuron_figure
from glassworks.trace.neurons.view import Neuron, Neurons, whole
from glassworks.trace.render import NO_TOKENIZER, trace_figure
from glassworks.trace.trace import Trace

TOKENIZER = byte_tokenizer()
IDS = TOKENIZER.encode("a猫b")
LABELS = [TOKENIZER.token(id) for id in IDS]
HEX = re.compile(r"&lt;[0-9A-F]{2}|<[0-9A-F]{2}[ >·]")


def test_the_first_token_of_a_character_has_its_label() -> None:
    assert labelled(LABELS) == ["a", "猫", "↳", "↳", "b"]
    assert labelled(["", "", " "]) == ["∅", "↳", "·"]
    assert groups(labelled(LABELS)) == [(0, 1), (1, 4), (4, 5)]
    assert groups([]) == []


def test_labels_are_as_wide_as_their_letters() -> None:
    assert (columns("猫a"), fitted("猫猫猫", 6), fitted("猫猫猫猫", 6), fitted("abcdefg", 6)) == (
        3,
        "猫猫猫",
        "猫猫…",
        "abcde…",
    )


def test_attention_is_on_whole_characters() -> None:
    weights = np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None]
    axes = ("layer", "head", "query", "key")
    trace = Trace("attention", {"pattern": weights[None, None]}, {"pattern": axes}, {"query": LABELS, "key": LABELS})
    html = trace_figure(trace)
    sentence = html[html.index('class="sentence"') :].split("</p>")[0]
    assert re.findall(r">([^<>]+)</span>", sentence) == ["a", "猫", "b"]
    assert 'data-tokens="3">猫' in sentence
    assert re.findall(r"chance(\d+)", sentence) == ["7", "12", "7"]  # √0.2, √0.6 and √0.2 of 15
    assert "↳ is a further token of the same character." in html
    assert not HEX.search(html)


def test_the_lens_reads_whole_characters() -> None:
    top, after = ("layer", "position", "top"), ("layer", "next")
    arrays = {"top_ids": np.full((2, 5, 1), 97), "top_probabilities": np.ones((2, 5, 1))}
    arrays |= {"next_probability": np.ones((2, 4)), "next_rank": np.ones((2, 4), int)}
    axes = {"top_ids": top, "top_probabilities": top, "next_probability": after, "next_rank": after}
    trace = Trace("logit_lens", arrays, axes, {"position": LABELS, "next": LABELS[1:]})
    text = Reader(trace_figure(trace, TOKENIZER.token)).text
    assert "read so fara猫↳↳b" in text
    assert "what follows猫↳↳b" in text


def test_coloured_text_has_one_span_a_character_with_all_its_numbers() -> None:
    values = np.array([1.0, 2.0, -4.0, 3.0, 0.0])
    html = trace_figure(Trace("own", {"effect": values}, {"effect": ("token",)}, {"token": LABELS}))
    assert 'title="猫: 2, −4, 3"' in html
    assert len(re.findall(r'<span class="(?:above|below)', html)) == 3
    assert not HEX.search(html)


def test_a_neurons_examples_are_texts() -> None:
    window = np.array([[-1, *IDS[1:]], IDS[:4] + IDS[4:], [*IDS[2:4], *IDS[4:], -1, -1]])  # the last is cut at its left
    n, axis = len(window), ("split", "neuron", "example")
    shape = (2, 1, n)
    numbers = np.broadcast_to(np.array([0.5, 1.0, 2.0, -4.0, 0.25]), (2, 1, n, 5))
    one = {name: np.full((2, 1), value) for name, value in {"firing_rate": 0.5, "scale": 4.0, "zeros": 0.0}.items()}
    one |= {name: np.full((2, 1), value) for name, value in {"lowest": -4.0, "highest": 4.0}.items()}
    arrays = {
        "activation": np.full(shape, 2.0), "row": np.zeros(shape, int), "position": np.zeros(shape, int),
        "window_activation": numbers, "window_token": np.broadcast_to(window, (2, 1, n, 5)),
        "histogram": np.ones((2, 1, 4)), "vocabulary_count": np.ones(TOKENIZER.vocab_size), **one,
    }  # fmt: skip
    axes = dict.fromkeys(("activation", "row", "position"), axis) | dict.fromkeys(one, axis[:2])
    axes |= dict.fromkeys(("window_activation", "window_token"), (*axis, "offset")) | {"histogram": (*axis[:2], "bin")}
    axes["vocabulary_count"] = ("vocabulary",)
    labels = {"example": [f"top {i}" for i in range(n)], "neuron": ["0"], "offset": ["-2", "-1", "0", "1", "2"]}
    labels["vocabulary"] = [TOKENIZER.token(id) for id in range(TOKENIZER.vocab_size)]
    trace = Trace("neuron_examples", arrays, axes, labels, {"point": "p"})
    neuron = Neuron(Neurons(trace), 0)
    texts = [neuron.read(one) for one in neuron.examples("top")]
    assert texts[0] == [(1, 4, "猫", True), (4, 5, "b", False)]
    assert texts[1] == [(0, 1, "a", False), (1, 4, "猫", True), (4, 5, "b", False)]
    assert [text for _, _, text, _ in texts[2]] == ["…", "b"]
    assert neuron.strongest_tokens() == ["猫", "b"]
    html = neuron_figure(trace, NO_TOKENIZER)
    assert "“猫” 1, 2, −4" in html


def test_characters_that_a_window_cuts_apart_are_a_sign() -> None:
    assert whole([]) == []
    assert whole(["<E7>"]) == ["…"]
    assert whole(["<8C>", "<AB>", "b", "<E7 8C>", ""]) == ["…", "", "b", "…", ""]
    assert whole(["a", "<FF>", "b"]) == ["a", "<FF>", "b"]


def test_the_tokens_of_one_character_are_one_span_with_the_sum_of_their_nats() -> None:
    tokenizer = byte_tokenizer()
    ids = tokenizer.encode("né猫")
    nats = np.arange(1.0, len(ids) + 1)
    trace = Trace("surprise", {"nats": nats}, {"nats": ("token",)}, {"token": in_order(tokenizer, ids)})
    drawn = surprise_figure(trace, tokenizer.token)
    spans = re.findall(r'<span class="surprise\d+" title="([^"]*)">([^<]*)</span>', drawn)
    assert [word for _, word in spans] == ["n", "é", "猫"]
    assert [float(re.search(r"([\d.]+) nats", title)[1]) for title, _ in spans] == [1.0, 5.0, 15.0]  # type: ignore[index]
    assert "“猫” (3 tokens)" in drawn
    assert "&lt;" not in drawn
    nameless = surprise_figure(Trace("surprise", {"nats": nats}, {"nats": ("token",)}), tokenizer.token)
    assert nameless.count("∅") == len(ids)


def test_tokens_that_the_context_told_are_underlined_and_counted() -> None:
    arrays = {"nats": np.array([1.0, 1.0, 3.0]), "nats_alone": np.array([3.0, 2.9, 2.0])}
    trace = Trace("surprise", arrays, dict.fromkeys(arrays, ("token",)), {"token": ["a", "b", "c"]})
    drawn = surprise_figure(trace, str, beside=True)
    assert [word for _, word in re.findall(r'<span class="(surprise\d+ told)"[^>]*>(\w)</span>', drawn)] == ["a", "a"]
    assert "Underlined: 1 of 3 tokens" in drawn
    assert "Where it has read all before: 1.67 nats a token" in drawn
    assert "Where it has read only the token before: 2.63 nats a token" in drawn
