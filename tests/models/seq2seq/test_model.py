import dataclasses

import pytest
import torch
from torch import nn

from glassworks.interpret.access.hooks import capture, patch
from glassworks.models.seq2seq.attention import causal_mask
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.models.seq2seq.positions import sinusoids

SMALL = Seq2SeqConfig(vocab_size=20, n_ctx=12, n_layer=2, n_decoder_layer=3, n_head=2, n_embd=8, n_inner=12)
SOURCE = torch.tensor([[5, 6, 7, 2], [8, 2, 0, 0]])
INPUTS = torch.tensor([[1, 9, 10], [1, 11, 12]])


def network(seed: int = 0) -> Seq2Seq:
    model = Seq2Seq(SMALL, seed=seed).eval()
    with torch.no_grad():
        for p in model.parameters():  # biases and gains count, too
            p += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(seed + 1))
    return model


def test_it_is_the_papers_network_as_torch_has_it() -> None:
    model = network()
    theirs = nn.Transformer(8, 2, 2, 3, 12, dropout=0.0, batch_first=True, norm_first=False).eval()
    theirs.encoder.norm = theirs.decoder.norm = None  # the paper's stacks end with their last layer
    for our, their in [*zip(model.encoder, theirs.encoder.layers, strict=True)]:
        copy(our, their, [("attn", "self_attn", "norm1"), ("mlp", None, "norm2")])
    for our, their in zip(model.decoder, theirs.decoder.layers, strict=True):
        copy(our, their, [("attn", "self_attn", "norm1"), ("cross", "multihead_attn", "norm2"), ("mlp", None, "norm3")])
    embed = lambda ids: model.embed(ids) * 8**0.5 + sinusoids(ids.size(1), 8)  # noqa: E731
    padding = SMALL.pad_id == SOURCE
    mask = ~causal_mask(3, 3, torch.device("cpu"))
    out = theirs(
        embed(SOURCE), embed(INPUTS), tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding
    )
    torch.testing.assert_close(model(SOURCE, INPUTS), out @ model.embed.weight.T, atol=1e-5, rtol=1e-4)


def copy(our: nn.Module, their: nn.Module, parts: list[tuple[str, str | None, str]]) -> None:
    for name, attention, norm in parts:
        mine = getattr(our, name)
        if attention is None:
            pairs = [(mine.up, their.linear1), (mine.down, their.linear2)]
        else:
            module = getattr(their, attention)
            module.in_proj_weight.data.copy_(mine.qkv.weight.data)
            module.in_proj_bias.data.copy_(mine.qkv.bias.data)
            pairs = [(mine.proj, module.out_proj)]
        for ours, theirs in [*pairs, (getattr(our, f"after_{name}").norm, getattr(their, norm))]:
            theirs.load_state_dict(ours.state_dict())


def test_padding_and_what_comes_later_change_nothing() -> None:
    model = network()
    alone = model(SOURCE[1:, :2], INPUTS[1:, :2])
    torch.testing.assert_close(model(SOURCE, INPUTS)[1:, :2], alone, atol=1e-5, rtol=1e-5)


def test_looking_changes_no_bit_and_patterns_are_shares() -> None:
    model = network()
    with torch.no_grad():
        plain = model(SOURCE, INPUTS)
        names = [name for name, module in model.named_modules() if type(module) is nn.Identity]
        with capture(model, names) as seen:
            looked = model(SOURCE, INPUTS)
    assert torch.equal(plain, looked)
    assert seen.keys() == set(names)
    cross = seen["decoder.2.cross.pattern"]
    assert cross.shape == (2, 2, 3, 4)
    torch.testing.assert_close(cross.sum(-1), torch.ones(2, 2, 3))
    assert (cross[1, :, :, 2:] == 0).all()
    assert (seen["decoder.0.attn.pattern"].triu(1) == 0).all()
    torch.testing.assert_close(
        seen["decoder.0.cross.scores"],
        torch.einsum("bthd,bshd->bhts", seen["decoder.0.cross.q"], seen["decoder.0.cross.k"]) / 2,
    )


def test_what_is_written_into_a_pattern_counts() -> None:
    model = network()
    with (
        torch.no_grad(),
        patch(model, {"decoder.2.cross.pattern": torch.zeros_like}),
        capture(model, "decoder.2.cross.z") as z,
    ):
        model(SOURCE, INPUTS)
    assert not z["decoder.2.cross.z"].any()


def test_a_cache_gives_the_same_logits_token_by_token_and_in_any_order_of_rows() -> None:
    model = network()
    with torch.no_grad():
        whole = model(SOURCE, INPUTS)
        cache = model.cache(*model.encode(SOURCE), 5)
        steps = [model.step(INPUTS[:, i : i + 1], cache) for i in range(2)]
        torch.testing.assert_close(torch.stack(steps, 1), whole[:, :2], atol=1e-5, rtol=1e-5)
        cache.keep(torch.tensor([1, 0, 0]))
        last = model.step(INPUTS[[1, 0, 0], 2:], cache)
        torch.testing.assert_close(last, whole[[1, 0, 0], 2], atol=1e-5, rtol=1e-5)
        cache.keep(torch.tensor([0, 2, 1]), read_alike=True)  # the last two read the same
        alike = model.step(INPUTS[[1, 0, 0], :1], cache)
        torch.testing.assert_close(alike[1], alike[2], atol=1e-5, rtol=1e-5)
        together = model.step(INPUTS, model.cache(*model.encode(SOURCE), 5))
    torch.testing.assert_close(together, whole[:, 2], atol=1e-5, rtol=1e-5)


def test_both_orders_of_positions_are_the_papers_numbers() -> None:
    both, mixed = sinusoids(50, 6), sinusoids(50, 6, interleaved=True)
    assert both[7, 1].item() == pytest.approx(torch.sin(torch.tensor(7 / 10_000 ** (2 / 6))).item(), abs=1e-6)
    assert torch.equal(mixed[:, 0::2], both[:, :3])
    assert torch.equal(mixed[:, 1::2], both[:, 3:])
    with pytest.raises(ValueError, match=r"width \(=5\) must be even"):
        sinusoids(3, 5)


def test_the_same_seed_gives_the_same_weights_and_logits_of_size_one() -> None:
    ours = Seq2Seq(dataclasses.replace(SMALL, vocab_size=300, n_embd=64), seed=3).eval()
    assert torch.equal(ours.embed.weight, Seq2Seq(ours.config, seed=3).embed.weight)
    assert not torch.equal(ours.embed.weight, Seq2Seq(ours.config, seed=4).embed.weight)
    assert 0.5 < ours(SOURCE, INPUTS).std().item() < 2
    assert ours.encoder[0].attn.qkv.weight.abs().max() <= (6 / 128) ** 0.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_head": 3}, r"n_embd \(=8\) must be divisible by n_head \(=3\)"),
        ({"n_embd": 3, "n_head": 1}, r"n_embd \(=3\) must be even"),
        ({"dropout": 1.0}, r"dropout \(=1.0\) is a share"),
        ({"n_layer": 0}, r"n_layer \(=0\) must be"),
        ({"end_id": 20}, r"end_id \(=20\) must be a token"),
        ({"activation": "tanh"}, r"activation \(='tanh'\) must be one of relu, swish, gelu"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_shapes_that_cannot_be_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SMALL, **wrong)


def test_too_many_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"13 tokens do not fit the context \(n_ctx=12\)"):
        network()(torch.ones(1, 13, dtype=torch.long), INPUTS[:1])
