import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, METRIC, drawn, pair
from tests.interpret.planted import CIRCUIT, induction_model
from torch import Tensor

from glassworks.interpret.causes.circuits import (
    faithfulness_curve,
    find_circuit,
    random_circuit,
    usual_sizes,
    without_dead_ends,
)
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.edges import Ablated
from glassworks.interpret.causes.graph import TAPS, Graph
from glassworks.interpret.causes.metrics import AtPosition, kl_divergence, logit_difference
from glassworks.interpret.causes.paths import path_patching
from glassworks.interpret.causes.restart import in_evaluation
from glassworks.interpret.causes.sweeps import compare
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


def planted(which: str) -> tuple[GPT, Tensor, Tensor, AtPosition]:
    """The hand-built model, inputs that differ in the earlier A or the earlier B, and the metric."""
    clean = torch.tensor([[0, 3, 5, 2, 1, 7, 3], [0, 1, 2, 6, 5, 4, 1]])
    corrupt = clean.clone()
    corrupt[:, 1 if which == "first" else 2] = torch.tensor([6, 3] if which == "first" else [4, 7])
    return induction_model(), clean, corrupt, logit_difference(torch.tensor([5, 2]), torch.tensor([4, 7]))


def test_the_planted_model_completes_repetitions_and_nothing_else() -> None:
    model, clean, corrupt, _ = planted("first")
    with torch.no_grad():
        assert model(clean)[:, -1].softmax(-1)[[0, 1], [5, 2]].min() > 0.95
        assert model(corrupt)[:, -1].softmax(-1).max() < 0.5
    with pytest.raises(ValueError, match=r"size \(=3\)"):
        induction_model(size=3)


# ----------------------------------------------------------------------------------------------------------------------
# Cutting edges


@pytest.mark.parametrize("name", CONFIGS)
def test_all_edges_are_the_clean_run_and_none_the_corrupt_one(name: str) -> None:
    model, (clean, corrupt) = drawn(name), pair()
    with in_evaluation(model):
        for metric in (METRIC, lambda logits: logits[..., 3].mean(1)):
            ablated = Ablated(compare(model, clean, corrupt, metric, TAPS), 2**26)
            edges = ablated.graph.edges
            found = ablated.faithfulness(np.stack([edges, np.zeros_like(edges), edges]))
            np.testing.assert_allclose(found, [1, 0, 1], atol=1e-4)
            assert ablated.runs == 3


@pytest.mark.parametrize("name", CONFIGS)
def test_one_cut_edge_is_a_patched_path(name: str) -> None:
    model, (clean, corrupt) = drawn(name), pair()
    paths = path_patching(model, corrupt, clean, METRIC, readers="*")  # from the corrupt run into the clean one
    graph = Graph(model.config)
    exists = np.argwhere(graph.edges)
    keep = np.repeat(graph.edges[None], len(exists), 0)
    keep[np.arange(len(exists)), *exists.T] = False
    with in_evaluation(model):
        ablated = Ablated(compare(model, clean, corrupt, METRIC, TAPS), 2**20)
        found = np.concatenate([ablated.metrics(torch.from_numpy(some)).numpy() for some in np.array_split(keep, 3)])
    np.testing.assert_allclose(found, paths.arrays["metric"][*exists.T], rtol=1e-4, atol=1e-4)


def test_a_run_begins_where_it_reads_a_cut_edge() -> None:
    model, (clean, corrupt) = drawn("llama"), pair()
    graph, called = Graph(model.config), []
    for layer, block in enumerate(model.blocks):
        block.mlp.register_forward_hook(lambda *_, layer=layer: called.append(layer))
    with in_evaluation(model):
        ablated = Ablated(compare(model, clean, corrupt, METRIC, TAPS), 2**26)
        for readers, layers in (("logits", []), ("m1", [1]), ("a1.h0.k", [1]), ("m0", [0, 1]), ("a0.h3.q", [0, 1])):
            called.clear()
            keep = graph.edges.copy()
            keep[:, graph.readers.index(readers)] = False
            ablated.faithfulness(np.stack([graph.edges, keep]))
            assert called == layers


def test_batches_of_any_size_give_the_same_and_too_big_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    random = np.random.default_rng(0)
    edges = Graph(model.config).edges
    keep = edges & (random.random((7, *edges.shape)) < 0.7)
    with in_evaluation(model):
        runs = compare(model, clean, corrupt, METRIC, TAPS)
        many, few = (Ablated(runs, size).faithfulness(keep) for size in (2**26, 2**16))
        np.testing.assert_allclose(many, few, atol=1e-4)
        with pytest.raises(ValueError, match=r"max_bytes \(=100\) must be at least [0-9,]+"):
            Ablated(runs, 100).faithfulness(keep)
        ablated = Ablated(runs, 2**26)
        monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**14)
        with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 16,384 are free: give a smaller max_bytes"):
            ablated.faithfulness(keep)


# ----------------------------------------------------------------------------------------------------------------------
# Attribution


def test_identical_inputs_have_exactly_no_attribution() -> None:
    for name in CONFIGS:
        model, (clean, _) = drawn(name), pair()
        assert (edge_attribution(model, clean, clean, METRIC, check=0).arrays["score"] == 0).all()


def test_it_takes_two_forward_passes_and_one_backward() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    calls = {"forward": 0, "backward": 0}
    handles = [
        model.register_forward_hook(lambda *_: calls.__setitem__("forward", calls["forward"] + 1)),
        model.norm.register_full_backward_hook(lambda *_: calls.__setitem__("backward", calls["backward"] + 1)),
    ]
    edge_attribution(model, clean, corrupt, METRIC, check=0)
    for handle in handles:
        handle.remove()
    assert calls == {"forward": 2, "backward": 1}


def test_pairs_are_averaged_and_memory_does_not_change_the_scores() -> None:
    model, (clean, corrupt) = drawn("qwen3"), pair()
    right, wrong = torch.tensor([1, 2]), torch.tensor([4, 5])
    whole = edge_attribution(model, clean, corrupt, METRIC, check=0, max_bytes=2**12)
    parts = [
        edge_attribution(model, clean[i], corrupt[i], logit_difference(right[i], wrong[i]), check=0)
        for i in (slice(0, 1), slice(1, 2))
    ]
    raw = [trace.arrays["score"] * trace.meta["scale"] for trace in (whole, *parts)]
    np.testing.assert_allclose(raw[0], (raw[1] + raw[2]) / 2, atol=1e-5)


def test_the_scores_agree_with_true_cuts_where_the_model_is_smooth() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    trace = edge_attribution(model, clean, corrupt, METRIC, check=40, steps=4)
    assert trace.arrays["estimate"].shape == trace.arrays["true"].shape == (40,)
    assert float(trace.meta["pearson"]) > 0.9
    writer, reader = trace.labels["checked"][0].split(" → ")
    score = trace.arrays["score"][trace.labels["writer"].index(writer), trace.labels["reader"].index(reader)]
    assert score == trace.arrays["estimate"][0]
    assert abs(score) == np.abs(trace.arrays["score"]).max()


def test_integrated_gradients_see_through_a_saturated_head() -> None:
    model, clean, corrupt, metric = planted("first")
    plain, integrated = (edge_attribution(model, clean, corrupt, metric, steps=steps) for steps in (1, 5))
    assert float(integrated.meta["pearson"]) > 0.9 > float(plain.meta["pearson"])


# ----------------------------------------------------------------------------------------------------------------------
# Circuits


@pytest.mark.parametrize("which", CIRCUIT)
def test_the_planted_circuit_is_found(which: str) -> None:
    model, clean, corrupt, metric = planted(which)
    trace = find_circuit(model, clean, corrupt, metric, threshold=0.05)
    names = trace.labels["writer"], trace.labels["reader"]
    found = {(names[0][i], names[1][j]) for i, j in np.argwhere(trace.arrays["kept"])}
    assert found == set(CIRCUIT[which])
    assert trace.meta["circuit_faithfulness"] == pytest.approx(1, abs=0.05)
    assert trace.meta["circuit_complement"] == pytest.approx(0, abs=0.05)
    assert np.abs(trace.arrays["same_size"]).max() < 0.1
    assert int(trace.meta["runs"]) < int(trace.meta["total"])


def test_the_curve_goes_from_the_corrupt_run_to_the_clean_one() -> None:
    model, clean, corrupt, metric = planted("first")
    score = edge_attribution(model, clean, corrupt, metric, steps=5, check=0).arrays["score"]
    arrays = faithfulness_curve(model, clean, corrupt, metric, score).arrays
    assert arrays["edges"][0] == 0
    assert arrays["edges"][-1] == Graph(model.config).edges.sum()
    for row in (arrays["faithfulness"], 1 - arrays["complement"], *arrays["random"]):
        assert row[0] == pytest.approx(0, abs=1e-3)
        assert row[-1] == pytest.approx(1, abs=1e-3)
    at = arrays["edges"].tolist().index(5)
    assert arrays["faithfulness"][at] > 0.9 > 0.1 > arrays["random"][:, at].max()


def test_dead_ends_are_dropped_without_changing_the_run() -> None:
    model, (clean, corrupt) = drawn("qwen3"), pair()
    graph = Graph(model.config)
    keep = graph.edges & (np.random.default_rng(0).random(graph.edges.shape) < 0.15)
    keep[:, graph.readers.index("logits")] = False
    for writer, reader in (("m1", "logits"), ("a0.h2", "m1"), ("embed", "a0.h1.v"), ("a1.h3", "logits")):
        keep[graph.writers.index(writer), graph.readers.index(reader)] = True
    fewer = without_dead_ends(graph, keep)
    assert 0 < fewer.sum() < keep.sum()
    assert not (fewer & ~keep).any()
    with in_evaluation(model):
        found = Ablated(compare(model, clean, corrupt, METRIC, TAPS), 2**26).faithfulness(np.stack([keep, fewer]))
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "qwen3", "attention only"])
def test_random_circuits_are_connected_of_the_size_asked_for_and_differ(name: str) -> None:
    graph, random = Graph(CONFIGS[name]), np.random.default_rng(0)
    for size in (0, 1, 2, 3, 7, 20, int(graph.edges.sum()) // 2):
        drawn = [random_circuit(graph, size, random) for _ in range(4)]
        for keep in drawn:
            assert keep.sum() == size
            assert not (keep & ~graph.edges).any()
            np.testing.assert_array_equal(without_dead_ends(graph, keep), keep)
        if size > 2:
            assert not all(np.array_equal(drawn[0], keep) for keep in drawn[1:])


def test_controls_are_drawn_anew_each_time_and_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, clean, corrupt, metric = planted("first")
    tried: list[np.ndarray] = []
    run = Ablated.faithfulness
    monkeypatch.setattr(Ablated, "faithfulness", lambda self, keep, *_: tried.append(keep) or run(self, keep))
    traces = [find_circuit(model, clean, corrupt, metric, threshold=0.05, draws=3, seed=seed) for seed in (0, 0, 1)]
    curves = [keep for keep in tried if len(keep) > 10]
    sizes = traces[0].arrays["edges"]
    middle = sizes.tolist().index(10)
    orders = [keep[len(sizes) * row + middle] for keep in (curves[0], curves[2]) for row in (1, 2, 3)]
    best = curves[0][middle]
    assert all(keep.sum() == 10 for keep in orders)
    assert len({keep.tobytes() for keep in (best, *orders)}) == 7  # each draw of each seed is another
    judged = [keep for keep in tried if len(keep) == 5]
    others = [keep for trial in (judged[0], judged[2]) for keep in trial[2:]]
    assert all(keep.sum() == judged[0][0].sum() for keep in others)
    assert len({keep.tobytes() for keep in (judged[0][0], *others)}) > 4
    for name in ("random", "same_size", "same_size_edges"):
        np.testing.assert_array_equal(traces[0].arrays[name], traces[1].arrays[name])
    assert (traces[0].arrays["same_size_edges"] == traces[0].meta["kept_edges"]).all()


def test_a_circuit_is_judged_on_pairs_that_it_was_not_searched_on() -> None:
    model, clean, corrupt, metric = planted("first")
    others = clean.roll(1, 0).clone()
    others[:, 5] = 6  # a token that nothing repeats
    less = others.clone()
    less[:, 1] = torch.tensor([3, 6])
    held_out = (others, less, logit_difference(torch.tensor([2, 5]), torch.tensor([7, 4])))
    trace = find_circuit(model, clean, corrupt, metric, held_out=held_out, threshold=0.05)
    assert trace.labels["pairs"] == ["searched on", "held out"]
    assert trace.arrays["same_size"].shape == (2, 3)
    assert trace.meta["held_out_faithfulness"] == pytest.approx(1, abs=0.1)
    assert trace.meta["held_out_complement"] == pytest.approx(0, abs=0.1)
    assert trace.meta["held_out_faithfulness"] != trace.meta["circuit_faithfulness"]
    alone = find_circuit(model, clean, corrupt, metric, threshold=0.05)
    np.testing.assert_array_equal(alone.arrays["kept"], trace.arrays["kept"])
    assert alone.labels["pairs"] == ["searched on"]
    assert "held_out_faithfulness" not in alone.meta


def test_slopes_at_the_reference_of_a_divergence_are_refused_and_found_at_the_other_run() -> None:
    model, clean, corrupt, _ = planted("first")
    with torch.no_grad():
        metric = kl_divergence(model(clean), position=-1)
    for find in (edge_attribution, find_circuit):
        with pytest.raises(ValueError, match=r"metric is flat at the clean run.*`at`"):
            find(model, clean, corrupt, metric)
    trace = edge_attribution(model, clean, corrupt, metric, at="corrupt")
    assert trace.meta["at"] == "corrupt"
    assert np.abs(trace.arrays["score"]).max() > 0.01
    assert edge_attribution(model, clean, corrupt, metric, steps=3, check=0).arrays["score"].any()
    found = find_circuit(model, clean, corrupt, metric, at="corrupt", threshold=0.05)
    assert found.meta["circuit_faithfulness"] == pytest.approx(1, abs=0.1)


def test_at_the_corrupt_run_the_scores_are_its_slopes() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    forth = edge_attribution(model, clean, corrupt, METRIC, at="corrupt", check=0)
    back = edge_attribution(model, corrupt, clean, METRIC, at="clean", check=0)
    np.testing.assert_allclose(forth.arrays["score"], back.arrays["score"], rtol=1e-4, atol=1e-6)


def test_a_metric_without_a_gradient_is_refused() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    for metric in (lambda logits: METRIC(logits.detach()), lambda logits: logits.argmax(-1).float().mean(1)):
        with pytest.raises(ValueError, match="without a gradient: leave out argmax, detach"):
            edge_attribution(model, clean, corrupt, metric)
    with pytest.raises(ValueError, match=r"torch.int64: it must give floats"):
        edge_attribution(model, clean, corrupt, lambda logits: logits.argmax(-1).sum(1))


def test_memory_for_the_gradients_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GPT(GPTConfig("qwen3", 40_000, 16, 1, 1, 8))
    tokens, sizes = torch.zeros(16, 16, dtype=torch.int64), []
    model.head.register_forward_hook(lambda _m, _a, out: sizes.append(out.nbytes))
    metric = logit_difference(tokens[:, 0], tokens[:, 0] + 1)
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    for find in (edge_attribution, find_circuit):
        with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free: give fewer or shorter pairs"):
            find(model, tokens, tokens + 1, metric)
    assert not sizes


def test_usual_sizes_reach_from_none_to_all() -> None:
    assert usual_sizes(37) == [0, 1, 2, 5, 10, 20, 37]
    assert usual_sizes(1) == [0, 1]


def test_refuses_what_does_not_fit() -> None:
    model, clean, corrupt, metric = planted("first")
    with pytest.raises(ValueError, match=r"threshold \(=0\.0\)"):
        find_circuit(model, clean, corrupt, metric, threshold=0.0)
    with pytest.raises(ValueError, match=r"check \(=-1\) must be at least 0"):
        edge_attribution(model, clean, corrupt, metric, check=-1)
    with pytest.raises(ValueError, match=r"draws \(=-1\) must be at least 0"):
        find_circuit(model, clean, corrupt, metric, draws=-1)
    assert find_circuit(model, clean, corrupt, metric, draws=0).arrays["same_size"].shape == (1, 0)
    with pytest.raises(ValueError, match=r"steps \(=0\)"):
        edge_attribution(model, clean, corrupt, metric, steps=0)
    with pytest.raises(ValueError, match=r"score \(2, 2\) must have"):
        faithfulness_curve(model, clean, corrupt, metric, np.zeros((2, 2), np.float32))
    score = np.zeros(Graph(model.config).edges.shape, np.float32)
    with pytest.raises(ValueError, match=r"sizes \(=\[5, 1000\]\)"):
        faithfulness_curve(model, clean, corrupt, metric, score, sizes=[5, 1000])
