import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import fresh
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.control import randomised
from glassworks.interpret.neurons.latents import chosen_latents, latent_examples
from glassworks.interpret.neurons.sae import SAE, SAEConfig, fit_sae, rows_at, sae_loss
from glassworks.interpret.neurons.sae_report import sae_report

WIDTH, PLANTED, ACTIVE = 16, 24, 3
TOKENS = torch.randint(20, (64, 9), generator=torch.Generator().manual_seed(0))


def planted() -> Tensor:
    """Directions that rows are sums of."""
    directions = torch.randn(PLANTED, WIDTH, generator=torch.Generator().manual_seed(1))
    return directions / directions.norm(dim=1, keepdim=True)


def sums(step: int) -> Tensor:
    """Rows, each the sum of a few planted directions, and a constant."""
    generator = torch.Generator().manual_seed(step)
    which = torch.rand(256, PLANTED, generator=generator).topk(ACTIVE, 1).indices
    size = 1 + torch.rand(256, ACTIVE, generator=generator)
    return (size[..., None] * planted()[which]).sum(1) + 5


CONFIGS = {
    "topk": SAEConfig(2 * PLANTED, "topk", k=ACTIVE),
    "jumprelu": SAEConfig(2 * PLANTED, "jumprelu", penalty=0.02),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_recovers_planted_directions(kind: str) -> None:
    sae = fit_sae(nn.Identity(), sums, "", CONFIGS[kind], steps=700, lr=1e-2)
    cosines = planted() @ sae.decoder.detach().T
    fresh = planted() @ SAE(WIDTH, CONFIGS[kind]).decoder.detach().T
    assert cosines.amax(1).mean() > 0.9
    assert fresh.amax(1).mean() < 0.75  # what as many random directions reach
    rows = sums(10_000)
    left = (rows - sae(rows)).square().sum() / (rows - rows.mean(0)).square().sum()
    assert left < 0.15


def test_as_many_latents_fire_as_asked_for() -> None:
    sae = SAE(8, SAEConfig(32, k=4))
    latents = sae.encode(torch.randn(100, 8, generator=torch.Generator().manual_seed(0)))
    assert ((latents > 0).sum(1) <= 4).all()
    assert (latents > 0).any(1).all()


def test_directions_have_length_one_and_the_model_is_untouched() -> None:
    model = fresh()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    sae = fit_sae(model, batches, "blocks.0.resid_post", SAEConfig(32, k=4), steps=5)
    torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(32))
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def test_batches_that_come_again_are_read_once_and_the_fit_is_the_same() -> None:
    model, calls = fresh(), list[int]()
    model.register_forward_hook(lambda *_: calls.append(0))
    config = SAEConfig(32, k=4)
    read = lambda step: batches(step % 3)  # noqa: E731
    whole = fit_sae(model, read, "blocks.0.resid_post", config, steps=8)
    assert len(calls) == 8 + 1
    calls.clear()
    found = fit_sae(model, read, "blocks.0.resid_post", config, steps=8, repeats=3)
    assert len(calls) == 3
    assert all(torch.equal(x, found.state_dict()[name]) for name, x in whole.state_dict().items())
    with pytest.raises(ValueError, match=r"repeats \(=0\)"):
        fit_sae(model, read, "blocks.0.resid_post", config, steps=8, repeats=0)


def batches(step: int) -> Tensor:
    return TOKENS[8 * (step % 8) :][:8, :-1]


def loss_fn(model: nn.Module, tokens: Tensor) -> Tensor:
    """Of tokens that repeat the one before: any fixed target will do."""
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def test_the_report_has_the_random_network_beside_it() -> None:
    model, point = fresh(), "blocks.0.resid_post"
    sae = fit_sae(model, batches, point, SAEConfig(32, k=4), steps=30)
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=30, steps=3)
    assert trace.labels["row"] == ["trained network", "random network"]
    assert (trace.arrays["l0"] <= 4.0).all()
    assert ((trace.arrays["variance_explained"] > 0) & (trace.arrays["variance_explained"] < 1)).all()
    assert trace.arrays["frequency"].shape == (2, 32)
    dead = (trace.arrays["frequency"] == 0).mean(1)
    assert trace.arrays["dead_share"].tolist() == pytest.approx(dead.tolist())


def test_the_control_is_an_autoencoder_of_a_network_with_other_weights() -> None:
    model, point = fresh(), "blocks.0.resid_post"
    sae = fit_sae(model, batches, point, SAEConfig(32, k=4), steps=5)
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=7, steps=2, seed=3)
    control = randomised(model, seed=4)
    other = fit_sae(control, batches, point, SAEConfig(32, k=4), steps=7, seed=3)
    for row, (net, one) in enumerate(((model, sae), (control, other))):
        with torch.no_grad():
            loss = sum(float(loss_fn(net, batches(step))) for step in range(2)) / 2
            rows = torch.cat([rows_at(net, batches, point, step) for step in range(2)])
            left = float((rows - one(rows)).square().sum() / (rows - rows.mean(0)).square().sum())
        assert trace.arrays["loss"][row] == pytest.approx(loss, rel=1e-5)
        assert trace.arrays["variance_explained"][row] == pytest.approx(1 - left, abs=1e-4)
    assert abs(trace.arrays["loss"][0] - trace.arrays["loss"][1]) > 0.001
    given = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=7, steps=2, seed=3, random_model=control)
    np.testing.assert_array_equal(given.arrays["loss"], trace.arrays["loss"])


@pytest.mark.parametrize("point", ["blocks.0.resid_post", "blocks.1.attn.z"])
def test_variance_and_loss_are_those_of_a_reconstruction_by_hand(point: str) -> None:
    """With an autoencoder whose bias is far from the held-out mean, and which is neither perfect nor useless."""
    model = fresh()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    sae = fit_sae(model, batches, point, SAEConfig(32, k=4), steps=30)
    with torch.no_grad():
        sae.pre_bias += 0.3
    held_out = lambda step: batches(step + 3)[: 8 - 4 * step]  # noqa: E731  # batches of different sizes
    trace = sae_report(model, sae, batches, held_out, point, loss_fn, fit_steps=1, steps=2)
    losses, values = [], []
    with torch.no_grad():
        for step in range(2):
            with capture(model, point) as seen:
                plain = loss_fn(model, held_out(step))
            x = seen[point]
            values.append(x.flatten(0, 1).flatten(1))
            with patch(model, {point: sae(x.flatten(2)).view(x.shape)}):
                spliced = loss_fn(model, held_out(step))
            with patch(model, {point: x * 0}):
                losses.append(torch.stack([plain, spliced, loss_fn(model, held_out(step))]))
        rows = torch.cat(values)
        left = (rows - sae(rows)).square().sum() / (rows - rows.mean(0)).square().sum()
    plain, spliced, ablated = torch.stack(losses).mean(0)
    recovered = float((ablated - spliced) / (ablated - plain))
    assert abs(recovered - 1) > 0.01
    found = {name: float(array[0]) for name, array in trace.arrays.items() if array.ndim == 1}
    assert found["loss_recovered"] == pytest.approx(recovered, rel=1e-3)
    assert found["variance_explained"] == pytest.approx(1 - float(left), abs=1e-4)
    assert found["loss_spliced"] == pytest.approx(float(spliced), rel=1e-5)
    assert found["loss_ablated"] == pytest.approx(float(ablated), rel=1e-5)


def test_a_perfect_autoencoder_recovers_the_whole_loss() -> None:
    model, point = fresh(), "blocks.0.resid_post"
    sae = SAE(16, SAEConfig(32, k=32))
    with torch.no_grad():  # each direction and its opposite: every vector is a sum of them
        sae.decoder.copy_(torch.cat([torch.eye(16), -torch.eye(16)]))
        sae.encoder.copy_(sae.decoder)
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=1, steps=2)
    assert trace.arrays["loss_recovered"][0] == pytest.approx(1.0, abs=1e-4)
    assert trace.arrays["variance_explained"][0] == pytest.approx(1.0, abs=1e-5)
    assert trace.arrays["loss_recovered"][1] < 1


def test_a_convolutions_channels_are_what_is_written_as_a_sum() -> None:
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    images = lambda step: torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(step))  # noqa: E731
    sae = fit_sae(model, images, "1", SAEConfig(12, k=2), steps=3)
    assert sae.width == 6
    loss = lambda model, x: model(x).square().mean()  # noqa: E731
    trace = sae_report(model, sae, images, images, "1", loss, fit_steps=2, steps=1)
    with torch.no_grad():
        maps = model[:2](images(0))
        expected = model[2:](sae(maps.movedim(1, -1)).movedim(-1, 1)).square().mean()
    assert trace.arrays["loss_spliced"][0] == pytest.approx(expected.item(), rel=1e-5)


def test_inputs_are_moved_to_where_the_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    monkeypatch.setattr(
        "glassworks.interpret.neurons.sae_report.move", lambda x, device: moved.append(str(device)) or x
    )
    model, point = fresh(), "blocks.0.resid_post"
    sae_report(model, SAE(16, SAEConfig(32, k=2)), batches, batches, point, loss_fn, fit_steps=1, steps=1)
    assert moved == ["cpu", "cpu"]


# ----------------------------------------------------------------------------------------------------------------------
# Fitting


def test_latents_that_are_silent_learn_the_errors_of_the_others() -> None:
    """Gao et al. 2024, appendix A.2, by hand: the largest of the dead latents, and the rest of the error."""
    config = SAEConfig(12, k=2, dead_after=5, auxiliary=0.5)
    sae, x = SAE(8, config), torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    sae.silent_for[:] = torch.tensor([0] * 6 + [9] * 6)
    with torch.no_grad():  # of three directions and their opposites some are positive; the others are too small
        sae.encoder[:6] = torch.cat([torch.eye(8)[:3], -torch.eye(8)[:3]])
        sae.encoder[6:] *= 1e-4
    loss = sae_loss(sae, x)
    loss.backward()
    before = (x @ sae.encoder.T).detach()
    values, places = before.topk(2, 1)
    error = x - torch.zeros_like(before).scatter(1, places, values.relu()) @ sae.decoder
    silent = before.clone()
    silent[:, :6] = -torch.inf
    values, places = silent.topk(4, 1)  # half the width
    again = error - torch.zeros_like(before).scatter(1, places, values.relu()) @ sae.decoder
    expected = error.square().mean() + 0.5 * again.square().mean() / error.square().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert sae.encoder.grad is not None
    assert (sae.encoder.grad[6:].abs().sum(1) > 0).all()
    assert loss.item() > 1.01 * error.square().mean().item()


def test_the_bias_before_the_encoder_begins_at_a_mean_and_is_learned() -> None:
    """The first batch lies elsewhere than all others: a bias that stayed at its mean would be wrong for them."""

    def shifted(step: int) -> Tensor:
        return sums(step) + (3.0 if step == 0 else 0.0)

    first, later = (
        fit_sae(nn.Identity(), shifted, "", CONFIGS["topk"], steps=steps, lr=lr).pre_bias.detach()
        / scale_of(shifted(0))
        for steps, lr in ((1, 1e-9), (300, 1e-2))
    )
    torch.testing.assert_close(first, shifted(0).mean(0), atol=1e-3, rtol=0)
    assert (later - first).mean() < -0.1  # towards the others


def scale_of(rows: Tensor) -> Tensor:
    return 1 / (rows - rows.mean(0)).square().mean().sqrt()


def test_one_that_was_stopped_is_not_returned() -> None:
    def stopped(step: int) -> Tensor:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return sums(step)

    with pytest.raises(KeyboardInterrupt):
        fit_sae(nn.Identity(), stopped, "", CONFIGS["topk"], steps=50)


def test_a_mask_must_be_bool() -> None:
    with pytest.raises(ValueError, match=r"mask of torch.int64: here it must be bool"):
        fit_sae(
            fresh(),
            lambda step: (batches(step), torch.ones(8, 8, dtype=torch.int64)),
            "blocks.0.resid_post",
            SAEConfig(32, k=4),
            steps=1,
        )


@pytest.mark.parametrize("kind", CONFIGS)
def test_comes_back_from_its_folder(kind: str, tmp_path: Path) -> None:
    sae = fit_sae(nn.Identity(), sums, "", CONFIGS[kind], steps=3)
    sae.save(tmp_path / "sae")
    rows = sums(7)
    assert torch.equal(SAE.load(tmp_path / "sae")(rows), sae(rows))
    assert {file.name for file in (tmp_path / "sae").iterdir()} == {"sae.json", "sae.safetensors"}
    text = (tmp_path / "sae" / "sae.json").read_text()
    (tmp_path / "sae" / "sae.json").write_text(text.replace('"width": 16', '"width": 17'))
    with pytest.raises(FileDamaged, match="fit it again"):
        SAE.load(tmp_path / "sae")
    with pytest.raises(ValueError, match="no sae.json"):
        SAE.load(tmp_path)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"activations \(2, 5\) must be 8 wide"):
        SAE(8, SAEConfig(16, k=2))(torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"k \(=9\) must be at most latents \(=8\)"):
        SAEConfig(8, k=9)
    with pytest.raises(ValueError, match=r"bandwidth \(=0.0\)"):
        SAEConfig(8, "jumprelu", bandwidth=0.0)
    with pytest.raises(ValueError, match=r"steps \(=0\)"):
        fit_sae(nn.Identity(), sums, "", CONFIGS["topk"], steps=0)
    with pytest.raises(ValueError, match="must differ"):
        fit_sae(nn.Identity(), lambda step: torch.ones(4, 4), "", CONFIGS["topk"], steps=1)
    with pytest.raises(ValueError, match="must be one point, not 2"):
        fit_sae(fresh(), batches, "blocks.*.resid_post", CONFIGS["topk"], steps=1)


# ----------------------------------------------------------------------------------------------------------------------
# What latents fire on


class Planted(nn.Module):
    """Token i writes a one-hot vector of its own, so that a latent that reads coordinate i fires on token i alone."""

    def __init__(self) -> None:
        super().__init__()
        self.here = nn.Embedding.from_pretrained(torch.eye(8))

    def forward(self, tokens: Tensor) -> Tensor:
        made: Tensor = self.here(tokens)
        return made


def reader() -> SAE:
    """An autoencoder whose latent i is coordinate i."""
    sae = SAE(8, SAEConfig(8, k=1))
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(8))
        sae.decoder.copy_(torch.eye(8))
    return sae


def test_a_latents_examples_are_where_its_coordinate_is() -> None:
    tokens = torch.arange(8).repeat(6, 1)
    found = latent_examples(Planted(), reader(), tokens[:4], tokens[4:], "here", latents=[3, 5])
    assert found.method == "neuron_examples"
    assert (found.meta["unit"], found.meta["point"]) == ("latent", "here")
    top = found.labels["example"].index("top 1")
    before = found.labels["offset"].index("0")
    assert found.arrays["window_token"][:, :, top, before].tolist() == [[3, 5], [3, 5]]
    assert found.arrays["firing_rate"].tolist() == [[1 / 8] * 2] * 2
    assert found.arrays["activation"][:, :, top].tolist() == [[1, 1], [1, 1]]
    assert found.arrays["token_agreement"].tolist() == [1, 1]
    assert found.arrays["token_agreement_control"].tolist() == [0, 0]


def test_latents_are_shown_evenly_by_how_often_they_fire_and_rare_ones_are_left_out() -> None:
    frequency = np.array([0.0, 0.8, 0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4, 0.001])
    assert chosen_latents(frequency, 4, 0.01) == [3, 7, 6, 2]  # the middles of 1 3, 5 7, 8 6, 4 2
    assert chosen_latents(frequency, 1, 0.01) == [8]
    assert sorted(chosen_latents(np.zeros(3), 2, 0.1)) == [0, 1]
    assert len(chosen_latents(np.ones(3), 9, 0.1)) == 3


def test_the_report_shows_the_same_number_of_latents_of_both_networks_and_what_they_promote() -> None:
    model, point = fresh(), "blocks.0.resid_post"
    sae = fit_sae(model, batches, point, SAEConfig(32, k=4), steps=30)
    names = [f"t{i}" for i in range(20)]
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=30, steps=3, examples=3, names=names)
    assert trace.arrays["latent"].shape == (2, 3)
    for row in range(2):
        frequency = trace.arrays["frequency"][row]
        fires = frequency[trace.arrays["latent"][row]]
        assert (np.diff(fires) <= 0).all()
        held_out = trace.arrays["latent_firing_rate"][row, 1]
        np.testing.assert_allclose(held_out, fires, atol=0.02)  # the batches come again in the same order
    direction = sae.decoder[trace.arrays["latent"][0, 0]]
    logits = model.head.weight.float() @ (direction * model.norm.weight)  # type: ignore[operator]
    if model.config.architecture == "gpt2":
        logits = model.head.weight.float() @ ((direction - direction.mean()) * model.norm.weight)  # type: ignore[operator]
    assert trace.arrays["promoted_ids"][0, 0, 0] == int(logits.argmax())
    assert set(trace.tokens) <= set(range(20))
    none = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=2, steps=1, examples=0)
    assert "latent" not in none.arrays
