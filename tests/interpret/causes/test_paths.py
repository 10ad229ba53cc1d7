from contextlib import ExitStack

import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, METRIC, drawn, pair
from tests.interpret.planted import CIRCUIT, induction_model
from torch import Tensor

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.causes import paths
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.graph import TAPS, Graph, raw_heads, writes
from glassworks.interpret.causes.metrics import logit_difference
from glassworks.interpret.causes.paths import path_patching
from glassworks.interpret.causes.restart import store
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

# ----------------------------------------------------------------------------------------------------------------------
# The graph


@pytest.mark.parametrize("name", CONFIGS)
def test_writes_and_biases_sum_to_the_stream(name: str) -> None:
    model, (clean, _) = drawn(name), pair()
    with torch.no_grad():
        stored = store(model, clean, TAPS)
        total = writes(stored).sum(0)
        if name == "gpt2":
            total += sum(block.attn.proj.bias + block.mlp.down.bias for block in model.blocks)  # type: ignore[union-attr,operator,misc]
    torch.testing.assert_close(total, stored.at(2, "resid_pre"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_queries_keys_and_values_from_the_stream_are_the_taps(name: str) -> None:
    model, (clean, _) = drawn(name), pair()
    block = model.blocks[1]
    with torch.no_grad():
        stored = store(model, clean, ["attn.q"])
        found = block.attn.heads_of(raw_heads(block, stored.at(1, "resid_pre")), stored.rope)  # type: ignore[arg-type]
    for tap, value in zip("qkv", found, strict=True):
        torch.testing.assert_close(value, stored.at(1, f"attn.{tap}"))


def test_the_graphs_names_and_edges() -> None:
    graph = Graph(CONFIGS["qwen3"])
    assert graph.writers[:6] == ["embed", "a0.h0", "a0.h1", "a0.h2", "a0.h3", "m0"]
    assert graph.readers[:9] == [*(f"a0.h{h}.q" for h in range(4)), "a0.h0.k", "a0.h1.k", "a0.h0.v", "a0.h1.v", "m0"]

    def edge(writer: str, reader: str) -> bool:
        return bool(graph.edges[graph.writers.index(writer), graph.readers.index(reader)])

    assert edge("embed", "a0.h3.q")
    assert edge("a0.h3", "m0")
    assert edge("m0", "a1.h0.v")
    assert edge("m1", "logits")
    assert not edge("m0", "m0")
    assert not edge("a0.h0", "a0.h1.q")
    assert not edge("a1.h0", "m0")
    # embed reaches all 19 readers; each later writer those behind it
    assert graph.edges.sum() == 19 + 4 * 11 + 10 + 4 * 2 + 1


# ----------------------------------------------------------------------------------------------------------------------
# Path patching


def by_freezing(
    model: GPT, clean: Tensor, corrupt: Tensor, writer: tuple[int, int], reader: tuple[int, str, int]
) -> Tensor:
    """The published procedure, with whole runs: send the head's clean z, freeze all else, read, then run freely."""
    layers = range(len(model.blocks))
    frozen = [f"blocks.{layer}.{tap}" for layer in layers for tap in ("attn.z", "mlp_out")]
    with torch.no_grad(), capture(model, "*") as seen:
        model(clean)
        sent = seen[f"blocks.{writer[0]}.attn.z"]
        model(corrupt)
        values = dict(seen)
    start = values[f"blocks.{writer[0]}.attn.z"].clone()
    start[:, :, writer[1]] = sent[:, :, writer[1]]
    layer, tap, head = reader
    point = f"blocks.{layer}.{tap}"
    with torch.no_grad(), ExitStack() as stack:
        for name in frozen:
            value = start if name == f"blocks.{writer[0]}.attn.z" else values[name]
            hook = model.get_submodule(name).register_forward_hook(lambda _m, _a, _o, value=value: value)
            stack.callback(hook.remove)
        received: list[Tensor] = []
        # an earlier hook sees what the module itself made of its frozen inputs
        look = model.get_submodule(point).register_forward_hook(lambda _m, _a, o: received.append(o), prepend=True)
        stack.callback(look.remove)
        model(corrupt)
    new = received[0]
    if tap != "mlp_out":
        new = values[point].clone()
        new[:, :, head] = received[0][:, :, head]
    with torch.no_grad(), ExitStack() as stack:
        stack.callback(model.get_submodule(point).register_forward_hook(lambda *_: new).remove)
        return METRIC(model(corrupt))


@pytest.mark.parametrize("name", CONFIGS)
def test_an_edge_equals_the_published_procedure_with_whole_runs(name: str) -> None:
    model, (clean, corrupt) = drawn(name), pair()
    readers = {"a1.h1.q": (1, "attn.q", 1), "a1.h0.k": (1, "attn.k", 0), "a1.h0.v": (1, "attn.v", 0)}
    if name != "attention only":
        readers["m1"] = (1, "mlp_out", 0)
    trace = path_patching(model, clean, corrupt, METRIC, writers="a0.h1", readers=list(readers))
    for reader, where in readers.items():
        expected = by_freezing(model, clean, corrupt, (0, 1), where)
        found = trace.arrays["metric"][0, trace.labels["reader"].index(reader)]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=reader)


def test_an_edge_to_the_logits_adds_the_change_to_the_last_stream() -> None:
    model, (clean, corrupt) = drawn("nanochat"), pair()

    def plain(logits: Tensor) -> Tensor:
        return logits[..., 3].sum(1)

    trace = path_patching(model, clean, corrupt, plain, writers="m0", readers="logits", max_bytes=2**18)
    with torch.no_grad(), capture(model, ["blocks.0.mlp_out", "blocks.1.resid_post"]) as seen:
        model(clean)
        sent = seen["blocks.0.mlp_out"]
        model(corrupt)
        stream = seen["blocks.1.resid_post"] + sent - seen["blocks.0.mlp_out"]
        np.testing.assert_allclose(trace.arrays["metric"][0, 0], plain(model.unembed(stream)), rtol=1e-5)


def test_a_reader_before_the_writer_hears_nothing() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    trace = path_patching(model, clean, corrupt, METRIC, writers=["m0", "a1.h0"], readers=["a0.h0.q", "m1"])
    graph = Graph(model.config)
    assert trace.meta["writers"] == f"2 of {len(graph.writers)}"
    assert trace.meta["readers"] == f"2 of {len(graph.readers)}"
    assert trace.arrays["edge"].astype(bool).tolist() == [[False, True], [False, True]]
    assert (trace.arrays["effect"][:, 0] == 0).all()
    assert (trace.arrays["effect"][:, 1] != 0).all()
    with pytest.raises(ValueError, match="'a0.h0.q'.*before writers.*'m1'"):
        path_patching(model, clean, corrupt, METRIC, writers="m1", readers="a0.h0.q")


@pytest.mark.parametrize("name", CONFIGS)
def test_for_tiny_differences_paths_are_the_slopes_and_sum_up(name: str) -> None:
    model = drawn(name)
    with torch.no_grad():  # tokens 0 and 1 hardly differ: everything is linear
        model.embed.weight[1] = model.embed.weight[0] + 0.02 * model.embed.weight[2]
    clean, corrupt = pair()
    clean[:, 2], corrupt[:, :] = 0, clean
    corrupt[:, 2] = 1
    paths = path_patching(model, clean, corrupt, METRIC, readers="*")
    slopes = edge_attribution(model, clean, corrupt, METRIC, check=0)
    scale = np.abs(slopes.arrays["score"]).max()
    np.testing.assert_allclose(paths.arrays["effect"], slopes.arrays["score"], atol=0.05 * scale)
    assert np.corrcoef(paths.arrays["effect"].ravel(), slopes.arrays["score"].ravel())[0, 1] > 0.995
    into_logits = paths.arrays["effect"][:, paths.labels["reader"].index("logits")]
    assert into_logits.sum() == pytest.approx(1, abs=0.05)


def test_the_planted_circuit_is_read_off_its_paths() -> None:
    model = induction_model()
    clean = torch.tensor([[0, 3, 5, 2, 1, 7, 3], [0, 1, 2, 6, 5, 4, 1]])
    answers = logit_difference(torch.tensor([5, 2]), torch.tensor([4, 7]))
    for which, place in (("first", 1), ("second", 2)):
        corrupt = clean.clone()
        corrupt[:, place] = torch.tensor([6, 3]) if which == "first" else torch.tensor([4, 7])
        trace = path_patching(model, clean, corrupt, answers, readers="*")
        names = trace.labels["writer"], trace.labels["reader"]
        found = {(names[0][i], names[1][j]) for i, j in np.argwhere(np.abs(trace.arrays["effect"]) > 0.5)}
        assert found == set(CIRCUIT[which])
        assert np.abs(trace.arrays["control"]).max() < 0.5


def test_what_a_control_sends_is_as_large_as_the_write_and_in_a_random_direction_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, sent = GPT(GPTConfig("gpt2", 50, 8, 2, 2, 128), seed=1), []
    clean, corrupt = pair()
    read = paths.read
    monkeypatch.setattr(paths, "read", lambda *args: sent.append(args[2]) or read(*args))
    path_patching(model, clean, corrupt, METRIC, writers=["embed", "m0"])
    change, noise = (x.flatten(0, 2) for x in sent)  # (writers, pairs and positions, C)
    torch.testing.assert_close(noise.norm(dim=-1), change.norm(dim=-1), rtol=1e-4, atol=1e-6)
    assert torch.cosine_similarity(noise, change, dim=-1).abs().max() < 0.4
    some = noise[change.norm(dim=-1) > 0]  # one pair has the same token at one position
    unit = some / some.norm(dim=-1, keepdim=True)
    between = (unit @ unit.T).fill_diagonal_(0)  # no two vectors share a direction, a constant one neither
    assert between.abs().max() < 0.45
    assert abs(float(between.mean())) < 0.02


def test_refuses_unknown_nodes() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    with pytest.raises(ValueError, match=r"readers \(='a1.h1.z'\) match no node; nearest: a1.h1"):
        path_patching(model, clean, corrupt, METRIC, readers="a1.h1.z")
    for name in ("writers", "readers"):
        with pytest.raises(ValueError, match=rf"{name} \(=\[\]\) must name at least one node"):
            path_patching(model, clean, corrupt, METRIC, **{name: []})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"writers \(='head'\) match no node"):
        path_patching(model, clean, corrupt, METRIC, writers="head")
