from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.interpret.sae import SAE, SAEConfig, fit_sae
from glassworks.interpret.sae_report import sae_report
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT

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
    model = small()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    sae = fit_sae(model, batches, "blocks.0.resid_post", SAEConfig(32, k=4), steps=5)
    torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(32))
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def small() -> GPT:
    return GPT(GPTConfig("gpt2", 20, 8, 2, 2, 16))


def batches(step: int) -> Tensor:
    return TOKENS[8 * (step % 8) :][:8, :-1]


def loss_fn(model: nn.Module, tokens: Tensor) -> Tensor:
    """Of tokens that repeat the one before: any fixed target will do."""
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def test_the_report_has_the_random_network_beside_it() -> None:
    model, point = small(), "blocks.0.resid_post"
    sae = fit_sae(model, batches, point, SAEConfig(32, k=4), steps=30)
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=30, steps=3)
    assert trace.labels["row"] == ["trained network", "random network"]
    assert (trace.arrays["l0"] <= 4.0).all()
    assert ((trace.arrays["variance_explained"] > 0) & (trace.arrays["variance_explained"] < 1)).all()
    assert trace.arrays["frequency"].shape == (2, 32)
    dead = (trace.arrays["frequency"] == 0).mean(1)
    assert trace.arrays["dead_share"].tolist() == pytest.approx(dead.tolist())


def test_a_perfect_autoencoder_recovers_the_whole_loss() -> None:
    model, point = small(), "blocks.0.resid_post"
    sae = SAE(16, SAEConfig(32, k=32))
    with torch.no_grad():  # each direction and its opposite: every vector is a sum of them
        sae.decoder.copy_(torch.cat([torch.eye(16), -torch.eye(16)]))
        sae.encoder.copy_(sae.decoder)
    trace = sae_report(model, sae, batches, batches, point, loss_fn, fit_steps=1, steps=2)
    assert trace.arrays["loss_recovered"][0] == pytest.approx(1.0, abs=1e-4)
    assert trace.arrays["variance_explained"][0] == pytest.approx(1.0, abs=1e-5)
    assert trace.arrays["loss_recovered"][1] < 1


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
        fit_sae(small(), batches, "blocks.*.resid_post", CONFIGS["topk"], steps=1)
