from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from glassworks.interpret.logistic import logistic
from glassworks.interpret.probes import Probes, fit_probes, probe
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT

N, C, K = 3000, 24, 4


def rows() -> Tensor:
    """Correlated columns of very different sizes, far from zero."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(N, C, generator=generator) @ torch.randn(C, C, generator=generator)
    return mixed * torch.logspace(-2, 2, C) + 5 * torch.randn(C, generator=generator)


def labels(x: Tensor, noise: float) -> Tensor:
    """What a linear map says, blurred."""
    generator = torch.Generator().manual_seed(1)
    standard = (x - x.mean(0)) / x.std(0)
    scores = standard @ torch.randn(C, K, generator=generator)
    return (scores + noise * torch.randn(N, K, generator=generator)).argmax(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_names_as_many_right_as_scikit_learn(dtype: torch.dtype) -> None:
    x = rows()
    y = torch.stack([labels(x, noise) for noise in (0.2, 2.0, 8.0)], 1)
    weight, bias = logistic(x[:2000], y[:2000], K, dtype=dtype)
    said = (torch.einsum("nc,skc->nsk", x[2000:], weight) + bias).argmax(-1)
    for i in range(3):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x[:2000], y[:2000, i])
        theirs = model.score(x[2000:], y[2000:, i])
        assert (said[:, i] == y[2000:, i]).float().mean() == pytest.approx(theirs, abs=0.01)


def test_a_target_that_is_found_at_once_does_not_spoil_the_others() -> None:
    """The history of a converged target is rounding; what is left of it must not turn steps around."""
    x = rows()
    hard = labels(x, 0.05)
    easy = torch.zeros(N, dtype=torch.int64)
    weight, bias = logistic(x, torch.stack([hard, easy, hard], 1), K, tolerance=1e-6, dtype=torch.bfloat16)
    assert torch.isfinite(weight).all()
    said = (torch.einsum("nc,skc->nsk", x, weight) + bias).argmax(-1)
    alone, alone_bias = logistic(x, hard[:, None], K, tolerance=1e-6, dtype=torch.float32)
    reached = ((x @ alone[0].T + alone_bias[0]).argmax(1) == hard).float().mean()
    assert (said[:, 0] == hard).float().mean() == pytest.approx(reached.item(), abs=0.01)
    assert (said[:, 1] == 0).all()


def test_missing_labels_do_not_count() -> None:
    x = rows()
    y = labels(x, 0.5)
    some = torch.rand(N, generator=torch.Generator().manual_seed(2)) < 0.5
    gaps = torch.where(some, y, -100)
    with_gaps, _ = logistic(x, gaps[:, None], K, dtype=torch.float32, tolerance=1e-4)
    only, _ = logistic(x[some], y[some][:, None], K, dtype=torch.float32, tolerance=1e-4)
    left, right = (w[0] - w[0].mean(0) for w in (with_gaps, only))
    # the columns are standardised over all rows in one, over the labelled in the other
    assert torch.nn.functional.cosine_similarity((left * x.std(0)).flatten(), (right * x.std(0)).flatten(), 0) > 0.99


def small() -> GPT:
    return GPT(GPTConfig("gpt2", 12, 8, 2, 2, 16))


def batches(step: int) -> tuple[Tensor, Tensor]:
    """Tokens, and two questions: the token's parity, which the embedding tells, and a coin, which nothing tells."""
    generator = torch.Generator().manual_seed(step)
    tokens = torch.randint(12, (16, 8), generator=generator)
    return tokens, torch.stack([tokens % 2, torch.randint(2, (16, 8), generator=generator)], -1)


def test_the_probe_stands_beside_what_tells_nothing() -> None:
    trace = probe(
        small(),
        batches,
        lambda step: batches(1000 + step),
        ["blocks.0.resid_pre", "blocks.1.resid_post"],
        steps=20,
        held_out_steps=20,
        classes=2,
        targets=["parity", "coin"],
    )
    assert trace.labels["row"] == ["linear", "linear, random network", "linear, shuffled labels", "majority"]
    row = dict(zip(trace.labels["row"], trace.arrays["target_accuracy"], strict=True))
    assert row["linear"][0, 0] > 0.98
    assert row["linear"][1, 0] > 0.8  # attention has mixed other tokens in: scikit-learn's own accuracy is 0.89
    for name in ("linear", "linear, shuffled labels", "majority"):
        assert row[name][:, 1] == pytest.approx([0.5, 0.5], abs=0.06)
    assert (row["linear, shuffled labels"][:, 0] < 0.75).all()  # its answers to 12 tokens are 12 coins
    assert ((trace.arrays["error"] > 0) & (trace.arrays["error"] < 0.05)).all()


def test_an_mlp_probe_learns_what_a_linear_one_cannot() -> None:
    def xor(step: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(256, 2, generator=torch.Generator().manual_seed(step))
        return x, ((x[:, :1] > 0) != (x[:, 1:] > 0)).long()

    trace = probe(
        nn.Identity(),
        xor,
        lambda step: xor(100 + step),
        "",
        steps=8,
        held_out_steps=4,
        classes=2,
        hidden=16,
        passes=40,
        lr=1e-2,
    )
    accuracy = dict(zip(trace.labels["row"], trace.arrays["accuracy"][:, 0], strict=True))
    assert accuracy["linear"] < 0.65
    assert accuracy["MLP"] > 0.9
    assert accuracy["MLP, shuffled labels"] < 0.6


def test_probes_come_back_from_their_file(tmp_path: Path) -> None:
    model = small()
    probes = fit_probes(model, batches, "blocks.0.resid_pre", classes=2, steps=4)
    probes.save(tmp_path / "probes.safetensors")
    again = Probes.load(tmp_path / "probes.safetensors")
    x = torch.randn(5, 16)
    assert torch.equal(probes.predict("blocks.0.resid_pre", x), again.predict("blocks.0.resid_pre", x))


def test_refuses_labels_that_are_none() -> None:
    def wrong(step: int) -> tuple[Tensor, Tensor]:
        return batches(step)[0], torch.full((16, 8, 1), 7)

    with pytest.raises(ValueError, match="7"):
        fit_probes(small(), wrong, "blocks.0.resid_pre", classes=2, steps=1)
