import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import ARCHITECTURES, drawn

from glassworks.interpret.transformer import regressed_lens
from glassworks.interpret.transformer import tuned_lens as module
from glassworks.interpret.transformer.lens import logit_lens, residual_streams
from glassworks.interpret.transformer.regressed_lens import regress_lens
from glassworks.interpret.transformer.tuned_lens import (
    TunedLens,
    fit_tuned_lens,
    lens_divergence,
    lens_loss,
    tuned_lens,
)
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import read_tensors, write_tensors
from glassworks.objectives.losses import next_token_loss
from glassworks.train.fit import fit

V, T = 16, 16


def language(batch: int, seed: int) -> torch.Tensor:
    """Sentences of a small language: each token is drawn by the two before it, from a fixed random table."""
    table = torch.randn(V, V, V, generator=torch.Generator().manual_seed(0)).mul(2).softmax(-1)
    generator = torch.Generator().manual_seed(seed)
    columns = list(torch.randint(V, (2, batch), generator=generator))
    for _ in range(T - 1):
        columns.append(torch.multinomial(table[columns[-2], columns[-1]], 1, generator=generator)[:, 0])
    return torch.stack(columns, 1)


def trained_model() -> GPT:
    model = GPT(GPTConfig("nanochat", V, T, 3, 2, 32))
    text = language(2048, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = text[64 * (step % 32) :][:64]
        return rows[:, :-1], rows[:, 1:]

    fit(model, batch, next_token_loss, optimizer, steps=100)
    return model


@pytest.fixture(scope="module")
def fitted() -> tuple[GPT, TunedLens, torch.Tensor]:
    """A trained model, its lens, and text that neither has seen."""
    model = trained_model()
    text = language(1024, seed=2)[:, :T]
    lens = fit_tuned_lens(model, lambda step: text[64 * (step % 16) :][:64], steps=80)
    return model, lens, language(64, seed=3)[:, :T]


def test_beats_the_logit_lens_on_held_out_text(fitted: tuple[GPT, TunedLens, torch.Tensor]) -> None:
    trace = lens_divergence(*fitted)
    kl, error = (dict(zip(trace.labels["reading"], trace.arrays[name], strict=True)) for name in ("kl", "error"))
    gap = kl["logit lens"] - kl["tuned lens"]
    assert (gap[:3] > 5 * (error["logit lens"] + error["tuned lens"])[:3]).all()
    assert (kl["tuned lens"][:3] < 0.7 * kl["logit lens"][:3]).all()
    assert (kl["tuned lens"][1:] < kl["constant"][1:]).all()
    assert (np.diff(kl["tuned lens"]) < 0).all()
    assert kl["logit lens"][3] == kl["tuned lens"][3] == kl["untrained"][3] == 0
    assert (kl["untrained"][:3] > 0).all()


def test_the_last_layers_loss_is_the_models_and_early_ones_are_higher(
    fitted: tuple[GPT, TunedLens, torch.Tensor],
) -> None:
    model, _, text = fitted
    loss = lens_divergence(*fitted, batch=10).arrays["loss"]
    with torch.no_grad():
        own = F.cross_entropy(model(text)[:, :-1].mT, text[:, 1:])
    np.testing.assert_allclose(loss[:2, -1], own, rtol=1e-5)
    assert (loss[0, :-1] > float(own)).all()
    assert (loss[3] > float(own) + 0.5).all()  # an untrained network predicts nothing


def test_no_constant_is_nearer_than_the_constant_row(fitted: tuple[GPT, TunedLens, torch.Tensor]) -> None:
    model, _, text = fitted
    row = lens_divergence(*fitted).arrays["kl"][2]
    with torch.no_grad():
        last = model(text).log_softmax(-1).flatten(0, 1)
    mean = last.exp().mean(0)

    def distance(p: torch.Tensor) -> float:
        return float((last.exp() * (last - p.log())).sum(-1).mean())

    np.testing.assert_allclose(row, distance(mean), rtol=1e-4)
    others = torch.rand(20, V, generator=torch.Generator().manual_seed(0)) * 0.2 + mean
    assert all(distance(p / p.sum()) > row[0] for p in others)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_starts_as_the_logit_lens(name: str) -> None:
    model, text = drawn(name, 0.4, vocab_size=V, n_ctx=T), language(1, seed=4)[0, :T]
    labels = [str(token) for token in text.tolist()]
    plain = logit_lens(model, text, labels)
    tuned = tuned_lens(model, TunedLens(2, model.config.n_embd), text, labels)
    assert tuned.method == "tuned_lens"
    assert tuned.labels == plain.labels
    for array in plain.arrays:
        np.testing.assert_allclose(tuned.arrays[array], plain.arrays[array], rtol=1e-4, atol=1e-5)
    rows = lens_divergence(model, TunedLens(2, model.config.n_embd), text[None]).arrays
    np.testing.assert_allclose(rows["kl"][0], rows["kl"][1], atol=1e-5)
    assert np.isnan(rows["error"]).all()  # one sequence has no spread


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fitting_lowers_the_loss_of_every_architecture_and_leaves_the_model(name: str) -> None:
    model = drawn(name, 0.4, vocab_size=V, n_ctx=T).train()
    model.blocks[0].requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    text = language(16, seed=5)[:, :T]
    lens = fit_tuned_lens(model, lambda _: text, steps=20)
    with torch.no_grad():
        assert lens_loss(model, lens, text) < 0.9 * lens_loss(model, TunedLens(2, model.config.n_embd), text)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == ["blocks.0" not in n for n, _ in model.named_parameters()]


def test_the_loss_in_parts_is_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    model, text = drawn("nanochat", 0.4, vocab_size=V, n_ctx=T).requires_grad_(False), language(3, seed=6)[:, :T]
    lens = TunedLens(2, 16)
    whole = lens_loss(model, lens, text)
    (expected,) = torch.autograd.grad(whole, [lens.weight])
    monkeypatch.setattr(module, "MAX_LOGITS", 3 * V * 7)
    parts = lens_loss(model, lens, text)
    (found,) = torch.autograd.grad(parts, [lens.weight])
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_readings_some_positions_at_a_time_are_the_readings(
    fitted: tuple[GPT, TunedLens, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lens_divergence(*fitted).arrays
    monkeypatch.setattr(module, "MAX_LOGITS", 8 * V * 3)
    parts = lens_divergence(*fitted).arrays
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, rtol=1e-4, atol=1e-5)


def test_logits_that_do_not_fit_the_memory_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GPT(GPTConfig("qwen3", 40_000, T, 1, 1, 8))
    text, sizes = torch.zeros(16, T, dtype=torch.int64), []
    model.head.register_forward_hook(lambda _m, _a, out: sizes.append(out.nbytes))
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free: give fewer sequences at once"):
        lens_divergence(model, TunedLens(1, 8), text)
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free: give fewer or shorter"):
        fit_tuned_lens(model, lambda _: text, steps=1)
    assert not sizes
    monkeypatch.undo()
    lens_divergence(model, TunedLens(1, 8), text)
    assert max(sizes) <= 4 * module.MAX_LOGITS


def test_a_lens_round_trips_through_a_tensor_file(fitted: tuple[GPT, TunedLens, torch.Tensor], tmp_path) -> None:  # type: ignore[no-untyped-def]
    model, lens, text = fitted
    write_tensors(lens.state_dict(), tmp_path / "lens.safetensors")
    again = TunedLens(3, 32)
    again.load_state_dict(read_tensors(tmp_path / "lens.safetensors"))
    assert np.array_equal(lens_divergence(model, again, text).arrays["kl"], lens_divergence(*fitted).arrays["kl"])


def test_refuses_what_does_not_fit() -> None:
    model, text = drawn("gpt2", 0.4, vocab_size=V, n_ctx=T), language(2, seed=7)[:, :T]
    with pytest.raises(ValueError, match=r"lens \(3, 16, 16\) does not fit the model's \(2, 16, 16\)"):
        lens_divergence(model, TunedLens(3, 16), text)
    with pytest.raises(ValueError, match=r"tokens has shape \(0, 16\)"):
        lens_divergence(model, TunedLens(2, 16), text[:0])
    with pytest.raises(ValueError, match=r"batch \(=0\)"):
        lens_divergence(model, TunedLens(2, 16), text, batch=0)
    with pytest.raises(ValueError, match=r"steps \(=0\)"):
        fit_tuned_lens(model, lambda _: text, steps=0)
    with pytest.raises(ValueError, match=r"tokens has shape \(0, 16\): give a batch \(B, T\) of at least one token"):
        fit_tuned_lens(model, lambda _: text[:0], steps=1)
    with pytest.raises(ValueError, match=r"tokens \(=16\) must be from 0 to 15"):
        fit_tuned_lens(model, lambda _: text + 16 - text, steps=1)


# ----------------------------------------------------------------------------------------------------------------------
# Least squares


def test_least_squares_read_more_than_the_logit_lens_on_held_out_text(
    fitted: tuple[GPT, TunedLens, torch.Tensor],
) -> None:
    model, _, held_out = fitted
    lens = regress_lens(model, language(512, seed=2)[:, :T], batch=100)
    trace = lens_divergence(model, lens, held_out)
    kl = dict(zip(trace.labels["reading"], trace.arrays["kl"], strict=True))
    assert (kl["tuned lens"][:3] < 0.7 * kl["logit lens"][:3]).all()
    assert (kl["tuned lens"][1:] < kl["constant"][1:]).all()
    assert (np.diff(kl["tuned lens"]) < 0).all()
    assert trace.meta["lens"] == "fitted by least squares, on 8,192 tokens"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_least_squares_are_those_of_numpy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, text = drawn(name, 0.4, vocab_size=V, n_ctx=T).train(), language(60, seed=8)[:, :T]
    monkeypatch.setattr(regressed_lens, "RIDGES", (1e-12,))
    lens = regress_lens(model, text, batch=100)
    assert model.training
    streams = residual_streams(model, text[torch.arange(60) % regressed_lens.APART != 1]).flatten(1, 2).double().numpy()
    size = np.linalg.norm(streams[-1], axis=-1, keepdims=True)
    target = streams[-1] / size * size.mean()
    for layer, stream in enumerate(streams[:-1]):
        design = np.concatenate([stream, np.ones_like(stream[:, :1])], 1)
        expected = design @ np.linalg.lstsq(design, target, rcond=None)[0]
        found = lens.translate(layer, torch.from_numpy(stream).float()).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=2e-3 * size.mean() / stream.shape[1] ** 0.5)


def test_little_text_is_not_learned_by_heart(fitted: tuple[GPT, TunedLens, torch.Tensor]) -> None:
    """Three sequences of 16 tokens, of which one chooses the ridge, for maps of 33 numbers an output."""
    model, _, held_out = fitted
    kl = lens_divergence(model, regress_lens(model, language(3, seed=2)[:, :T]), held_out).arrays["kl"]
    assert (kl[0] <= 1.1 * kl[1]).all()
    with pytest.raises(ValueError, match=r"tokens \(1, 16\) must be at least two sequences"):
        regress_lens(model, held_out[:1])
