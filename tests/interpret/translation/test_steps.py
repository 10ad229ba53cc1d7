"""Every number of a translation is the module's own, computed here once more in plain torch."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from glassworks.data.pairs.tokens import marks, with_start_and_padding
from glassworks.data.tokenizers.build import Tokenizer, train_bpe
from glassworks.interpret.translation.cross import cross_attention
from glassworks.interpret.translation.steps import TranslationSteps, matrices, plain_steps, translation_steps
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.decode import beam_search, greedy
from glassworks.models.seq2seq.model import Seq2Seq

SOURCE, TARGET = "the third of may", "1902"


def made() -> tuple[Seq2Seq, Tokenizer]:
    tokenizer = with_start_and_padding(train_bpe([SOURCE, TARGET, "three"], 270))
    pad, start, end = marks(tokenizer)
    config = Seq2SeqConfig(tokenizer.vocab_size, 40, 2, None, 2, 16, pad_id=pad, start_id=start, end_id=end)
    model = Seq2Seq(config, seed=7)
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
    return model, tokenizer


@pytest.fixture(scope="module")
def known() -> tuple[Seq2Seq, Tokenizer, TranslationSteps]:
    model, tokenizer = made()
    return model, tokenizer, translation_steps(model, tokenizer, SOURCE, TARGET)


def close(ours: np.ndarray, theirs: torch.Tensor | np.ndarray) -> None:
    np.testing.assert_allclose(
        ours, np.asarray(theirs.detach() if isinstance(theirs, torch.Tensor) else theirs), atol=2e-5
    )


def test_logits_and_distributions_are_the_modules(known: tuple[Seq2Seq, Tokenizer, TranslationSteps]) -> None:
    model, _, found = known
    source, target = torch.tensor([found.source_ids]), torch.tensor([found.target_ids])
    with torch.no_grad():
        logits = model.eval()(source, target)[0]
        fresh = Seq2Seq(model.config).eval()(source, target)[0]
    assert np.array_equal(found.arrays["logits"], logits.numpy())
    close(found.arrays["probabilities"], logits.softmax(-1))
    close(found.arrays["untrained.probabilities"], fresh.softmax(-1))


def test_each_layer_follows_from_the_one_before(known: tuple[Seq2Seq, Tokenizer, TranslationSteps]) -> None:
    model, _, found = known
    a = found.arrays
    close(a["source"], a["source.embedding"] + a["source.positions"])
    close(a["written"], a["written.embedding"] + a["written.positions"])
    for stack, layers in (("encoder", model.encoder), ("decoder", model.decoder)):
        below = "source" if stack == "encoder" else "written"
        for number, layer in enumerate(layers):
            x = torch.from_numpy(a[below])
            for name in ("attn", "cross", "mlp")[:: 1 if stack == "decoder" else 2]:
                place = f"{stack}.{number}.{name}"
                if name == "mlp":
                    hidden = (x @ layer.mlp.up.weight.T + layer.mlp.up.bias).relu()
                    close(a[f"{place}.post"], hidden)
                    out = hidden @ layer.mlp.down.weight.T + layer.mlp.down.bias
                else:
                    memory = torch.from_numpy(a["encoder.1.after_mlp.post"]) if name == "cross" else x
                    mask = found.decoder_mask if (stack, name) == ("decoder", "attn") else None
                    out = attended(a, place, matrices(getattr(layer, name)), x, memory, mask)
                after = f"{stack}.{number}.after_{name}"
                close(a[f"{after}.out"], out)
                close(a[f"{after}.sum"], x + out)
                norm = getattr(layer, f"after_{name}").norm
                x = torch.nn.functional.layer_norm(x + out, (16,), norm.weight, norm.bias)
                close(a[f"{after}.post"], x)
            below = f"{stack}.{number}.after_mlp.post"
    close(a["logits"], torch.from_numpy(a["decoder.1.after_mlp.post"]) @ model.embed.weight.T)


def attended(
    a: dict[str, np.ndarray],
    place: str,
    by: dict[str, torch.Tensor],
    x: torch.Tensor,
    memory: torch.Tensor,
    mask: np.ndarray | None,
) -> torch.Tensor:
    """What a sublayer adds, head by head, each step compared."""
    out = by["b_O"]
    for head in range(2):
        q, k, v = (
            text @ by[f"W_{name}"][head] + by[f"b_{name}"][head]
            for text, name in ((x, "Q"), (memory, "K"), (memory, "V"))
        )
        for name, value in (("q", q), ("k", k), ("v", v)):
            close(a[f"{place}.{name}"][:, head], value)
        scores = q @ k.T / 8**0.5
        close(a[f"{place}.scores"][head], scores)
        weights = (scores if mask is None else scores.masked_fill(~torch.from_numpy(mask), -torch.inf)).softmax(-1)
        close(a[f"{place}.pattern"][head], weights)
        close(a[f"{place}.z"][:, head], weights @ v)
        out = out + weights @ v @ by["W_O"][head]
    return out


def test_axes_name_every_array_and_tokens_their_ticks(known: tuple[Seq2Seq, Tokenizer, TranslationSteps]) -> None:
    _, tokenizer, found = known
    sizes = {
        **{"source": len(found.source), "target": len(found.target), "head": 2, "head_width": 8, "width": 16},
        **{"neuron": 64, "vocabulary": tokenizer.vocab_size, "position": max(len(found.source), len(found.target))},
    }
    for name, array in found.arrays.items():
        assert array.shape == tuple(sizes[axis] for axis in found.axes[name]), name
    assert found.source[-1] == "<|endoftext|>"
    assert found.target[0] == "<|start|>"
    assert "".join(found.source[:-1]) == SOURCE
    close(found.arrays["positions.interleaved"][:, ::2], sinusoid_half(found))


def sinusoid_half(found: TranslationSteps) -> np.ndarray:
    longest = max((found.arrays["source.positions"], found.arrays["written.positions"]), key=len)
    return longest[:, :8]


def test_hypotheses_are_those_of_the_search(known: tuple[Seq2Seq, Tokenizer, TranslationSteps]) -> None:
    model, _, found = known
    source = torch.tensor([found.source_ids])
    assert found.greedy == greedy(model, source)[0]
    assert found.beams == beam_search(model, source)[0]
    assert len(found.searched[0]) == 4
    assert translation_steps(*made(), SOURCE, beams=2).target == ["<|start|>"]


def test_as_plain_values_hypotheses_are_told_by_their_tokens(
    known: tuple[Seq2Seq, Tokenizer, TranslationSteps],
) -> None:
    _, tokenizer, found = known
    told = plain_steps(found, tokenizer)
    assert told["arrays"] is found.arrays
    assert told["beams"][0]["text"] == tokenizer.decode(found.beams[0].ids)
    assert sum(told["greedy"]["log_probs"]) == pytest.approx(told["greedy"]["log_prob"])
    assert [len(going[0]["tokens"]) for going in told["searched"] if going] == [
        *range(1, 1 + sum(map(bool, found.searched))),
    ]
    rest = {name: value for name, value in told.items() if name not in ("arrays", "decoder_mask")}
    assert json.loads(json.dumps(rest)) == rest


def test_what_does_not_fit_is_refused() -> None:
    model, tokenizer = made()
    with pytest.raises(ValueError, match="source is empty"):
        translation_steps(model, tokenizer, "  ")
    with pytest.raises(ValueError, match="target has 41 tokens"):
        translation_steps(model, tokenizer, SOURCE, [5] * 40)


def test_where_it_looks_is_its_pattern_beside_an_untrained_networks() -> None:
    model, tokenizer = made()
    trace = cross_attention(model, tokenizer, [(SOURCE, TARGET), ("three", "3")])
    found = translation_steps(model, tokenizer, SOURCE, TARGET)
    for layer in range(2):
        pattern = found.arrays[f"decoder.{layer}.cross.pattern"]
        close(trace.arrays["heads_0"][layer], pattern)
        close(trace.arrays["weight_0"][layer], pattern.mean(0))
    fresh = translation_steps(Seq2Seq(model.config), tokenizer, SOURCE, TARGET)
    close(trace.arrays["untrained_0"][1], fresh.arrays["decoder.1.cross.pattern"].mean(0))
    assert trace.labels["read_0"] == found.source
    assert trace.labels["written_0"] == found.target
    assert "becomes" in trace.legend.of("weight_1").note
    assert "three" in trace._repr_html_()
    with pytest.raises(ValueError, match="pairs is empty"):
        cross_attention(model, tokenizer, [])


def test_a_decoder_of_other_depth_is_looked_at_as_well() -> None:
    model, tokenizer = made()
    deep = Seq2Seq(dataclasses.replace(model.config, n_decoder_layer=3))
    assert cross_attention(deep, tokenizer, [(SOURCE, TARGET)]).arrays["heads_0"].shape[0] == 3
