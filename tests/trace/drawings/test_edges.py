"""Connections and circuits as they are drawn: by name, in words, each beside its control."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.trace.test_render import read

from glassworks.interpret.causes.legends.edges import CIRCUIT, EDGE_ATTRIBUTION, PATH_PATCHING
from glassworks.trace.drawings.components import component, connection, is_grouped
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

NAMES = r'class="node-name">([^<]*)<'


def marks_of(page: str, name: str) -> list[tuple[str, float]]:
    """What the marks of a row say: which, and the number."""
    found = re.findall(rf"<title>{re.escape(name)}: (.*?) (−?[\d.]+)(?: ±[^<]*)?</title>", page.split('"narrow"')[0])
    return [(what, float(number.replace("−", "-"))) for what, number in found]


def test_nodes_are_called_in_words() -> None:
    assert component("a1.h3") == "layer 1, head 3"
    assert component("a1.h0.v", grouped=True) == "layer 1, value head 0"
    assert component("a1.h0.q", grouped=True) == "layer 1, head 0, query"
    assert connection("m2", "logits") == "layer 2, MLP → the answer"
    assert component("anything") == "anything"
    assert is_grouped(["a0.h0", "a0.h1"], ["a0.h0.v"])
    assert not is_grouped(["a0.h0", "a0.h1"], ["a0.h1.v"])


def paths() -> Trace:
    effect = np.zeros((30, 2))
    effect[3, 0], effect[7, 1], effect[8, 0], effect[29, 0] = 0.5, -1.0, 0.01, 9.0
    edge = np.ones((30, 2), bool)
    edge[29, 0] = False
    arrays = {"effect": effect, "control": effect / 4, "edge": edge}
    labels = {"writer": [f"a0.h{i}" for i in range(30)], "reader": ["m0", "logits"]}
    return Trace("path_patching", arrays, dict.fromkeys(arrays, ("writer", "reader")), labels, legend=PATH_PATCHING)


def test_the_paths_that_tell_most_stand_by_name_beside_random_changes() -> None:
    page = trace_figure(paths())
    first, rest = page.split("<details>")
    wide = first.split('"narrow"')[0]
    assert re.findall(NAMES, wide) == ["layer 0, head 7 → the answer", "layer 0, head 3 → layer 0, MLP"]
    assert [x for _, x in marks_of(wide, "layer 0, head 7 → the answer")] == [-0.25, -1.0]  # the control lies below
    assert rest.startswith("<summary>All 59 connections as a matrix")


def test_the_matrix_has_what_exists_and_matters_alone() -> None:
    """It had all writers and readers: 301 by 9 cells, of which most were dashes."""
    rest = trace_figure(paths()).split("<details>")[1]
    assert rest.count('<table class="heat') == 2
    rows = re.findall(r'<th scope="row">([^<]*)</th>', rest)
    assert rows == 2 * ["0: head 3", "0: head 7"]
    assert "head 29" not in rest


def test_guesses_of_edges_stand_beside_what_cutting_does() -> None:
    score = np.array([[0.5, 0.25], [0.0, -0.125]])
    trace = Trace(
        "edge_attribution",
        {"score": score, "edge": score != 0, "estimate": np.array([0.5, -0.125]), "true": np.array([0.75, 0.0])},
        {"score": ("writer", "reader"), "edge": ("writer", "reader"), "estimate": ("checked",), "true": ("checked",)},
        {
            "writer": ["embed", "a0.h1"],
            "reader": ["a0.h1.q", "logits"],
            "checked": ["embed → a0.h1.q", "a0.h1 → logits"],
        },
        {"pearson": 0.5, "shuffled": -0.25},
        legend=EDGE_ATTRIBUTION,
    )
    page = trace_figure(trace)
    assert marks_of(page, "the embedding → layer 0, head 1, query") == [
        ("guess 0.5, truth, by cutting it", 0.75),
        ("guess of one gradient", 0.5),
        ("truth, by cutting it", 0.75),
    ]
    assert marks_of(page, "the embedding → the answer") == [("guess of one gradient", 0.25)]  # was not cut
    assert "Their correlation is 0.50, that of shuffled guesses −0.25." in read(trace).text
    unchecked = replace(trace, arrays={name: trace.arrays[name] for name in ("score", "edge")},
                        axes={name: trace.axes[name] for name in ("score", "edge")},
                        labels={name: trace.labels[name] for name in ("writer", "reader")})  # fmt: skip
    assert "by cutting it" not in trace_figure(unchecked)


def circuit() -> Trace:
    writers = ["embed", "a0.h0", "a0.h1", "m0", "a1.h1", "m1"]
    heads = [[f"a{layer}.{x}" for x in ("h0.q", "h1.q", "h0.k", "h0.v")] for layer in range(2)]
    readers = [*heads[0], "m0", *heads[1], "m1", "logits"]
    kept = np.zeros((6, 11), bool)
    kept[[0, 2, 4], [3, 8, 10]] = True  # the value that both heads share is read from the head that writes
    score = np.where(kept, np.array([0.5, 0, -0.25, 0, 1.0, 0])[:, None], 0)
    curve = dict.fromkeys(("edges", "faithfulness", "complement"), np.array([0, 1]))
    return Trace(
        "circuit",
        {"kept": kept, "score": score, "same_size": np.array([[0.125, 0.0625]]), **curve},
        {"kept": ("writer", "reader"), "score": ("writer", "reader"), "same_size": ("pairs", "draw")}
        | dict.fromkeys(curve, ("size",)),
        {"writer": writers, "reader": readers, "pairs": ["searched on"]},
        {"circuit_faithfulness": 0.75, "circuit_complement": -0.5, "kept_edges": 3, "total": 40},
        legend=CIRCUIT,
    )


def test_a_circuit_is_a_graph_of_its_edges_beside_what_others_carry() -> None:
    trace = circuit()
    reader, page = read(trace), trace_figure(trace)
    assert 'class="scroll" tabindex="0"><svg class="plot" style="min-width:608px"' in page
    edges = re.findall(
        r'class="line edge (line\d)" style="stroke-width:([\d.]+)"><title>([^<]+): ([^<:]+)</title>', page
    )
    assert edges == [
        ("line0", "2", "layer 0, head 1 → layer 1, value head 0", "-0.25"),
        ("line1", "3", "the embedding → layer 0, value head 0", "0.5"),
        ("line1", "5", "layer 1, head 1 → the answer", "1"),
    ]
    nodes = re.findall(r"<title>([^<→]+)</title><rect", page)
    assert sorted(nodes) == ["layer 0, head 1", "layer 1, head 1", "the answer", "the embedding"]
    assert "the circuit: 3 of 40 connections" in reader.text
    for row, number in (("the circuit", 0.75), ("all other connections", -0.5), ("random circuit 2", 0.0625)):
        assert marks_of(page, row)[0][1] == number
    empty = replace(trace, arrays=trace.arrays | {"kept": trace.arrays["kept"] & False})
    assert "No edge is kept" in read(empty).text


def test_the_found_circuit_is_a_point_of_the_curve_and_lines_far_out_do_not_rule_its_scale() -> None:
    trace = circuit()
    far = replace(trace, arrays=trace.arrays | {"complement": np.array([1.0, -40.0])})
    page = trace_figure(far)
    assert "the circuit 0.75</title>" in page
    assert "Lines that leave the chart go further." in page
    ticks = [float(x.replace("−", "-")) for x in re.findall(r'class="label">(−?[\d.]+)<', page)]
    assert min(ticks) == pytest.approx(-0.5, abs=0.01)
