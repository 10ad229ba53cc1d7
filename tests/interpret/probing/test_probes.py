import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.interpret.networks import fresh
from torch import Tensor, nn

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.control import randomised
from glassworks.interpret.probing.labels import with_shuffled
from glassworks.interpret.probing.logistic import logistic
from glassworks.interpret.probing.probes import fit_probes
from glassworks.interpret.probing.readers import Probes
from glassworks.interpret.probing.report import probe
from glassworks.models.gpt.model import GPT

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
        assert (said[:, i] == y[2000:, i]).float().mean() == pytest.approx(theirs, abs=0.003)


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


@pytest.mark.parametrize(("classes", "factor"), [(2, 2.0), (4, 1.0)])
def test_the_penalty_is_scikit_learns(classes: int, factor: float) -> None:
    x, l2 = rows()[:600], 30.0
    y = labels(rows(), 1.0)[:600] % classes
    weight, _ = logistic(x, y[:, None], classes, l2=l2, dtype=torch.float32, tolerance=1e-6, iterations=500)
    scaled = StandardScaler().fit(x)
    theirs = LogisticRegression(C=factor / l2, max_iter=5000, tol=1e-8).fit(scaled.transform(x), y)
    ours = (weight[0] - weight[0].mean(0)) * torch.from_numpy(scaled.scale_)
    expected = theirs.coef_ if classes > 2 else [-theirs.coef_[0] / 2, theirs.coef_[0] / 2]
    torch.testing.assert_close(ours.double(), torch.tensor(np.array(expected)), atol=2e-3, rtol=0)
    each, _ = logistic(
        x, y[:, None].repeat(1, 2), classes, l2=torch.tensor([l2, 1e6]), dtype=torch.float32, tolerance=1e-6
    )
    assert each[1].norm() < 0.01 * each[0].norm()


def batches(step: int) -> tuple[Tensor, Tensor]:
    """Tokens, and two questions: the token's parity, which the embedding tells, and a coin, which nothing tells."""
    generator = torch.Generator().manual_seed(step)
    tokens = torch.randint(12, (16, 8), generator=generator)
    return tokens, torch.stack([tokens % 2, torch.randint(2, (16, 8), generator=generator)], -1)


def test_the_probe_stands_beside_what_tells_nothing() -> None:
    trace = probe(
        fresh(),
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


def by_hand(probes: Probes, model: GPT, steps: range) -> tuple[np.ndarray, np.ndarray]:
    """How many labels of each example are named right, and how many there are, at the last block's output."""
    point, right, count = "blocks.1.resid_post", [], []
    for step in steps:
        tokens, y = batches(step)
        with torch.no_grad(), capture(model, point) as seen:
            model(tokens)
        right.append((probes.predict(point, seen[point]) == y).flatten(1).sum(1))
        count.append(torch.full((len(y),), y[0].numel()))
    return torch.cat(right).double().numpy(), torch.cat(count).double().numpy()


def test_rows_are_those_of_the_model_and_of_a_network_with_other_weights() -> None:
    """Accuracy and error by hand: a ratio's standard error, with examples as units."""
    model = fresh()
    with torch.no_grad():
        model.embed.weight[:, :] = 0.1 * model.embed.weight[:, :] + torch.arange(50)[:, None] % 2  # parity is easy
    control = randomised(model, seed=6)
    trace = probe(
        model,
        batches,
        lambda step: batches(1000 + step),
        "blocks.1.resid_post",
        steps=4,
        held_out_steps=3,
        classes=2,
        seed=5,
    )
    for row, net in (("linear", model), ("linear, random network", control)):
        probes = fit_probes(net, batches, "blocks.1.resid_post", steps=4, classes=2, seed=5)
        right, count = by_hand(probes, net, range(1000, 1003))
        accuracy = right.sum() / count.sum()
        residual = right - accuracy * count
        error = (len(count) / (len(count) - 1) * (residual**2).sum()) ** 0.5 / count.sum()
        i = trace.labels["row"].index(row)
        assert trace.arrays["accuracy"][i, 0] == pytest.approx(accuracy, abs=1e-6)
        assert trace.arrays["error"][i, 0] == pytest.approx(error, rel=1e-4)
    assert trace.arrays["accuracy"][0, 0] > trace.arrays["accuracy"][1, 0] + 0.02


def test_the_error_is_how_far_accuracies_on_other_examples_lie_from_each_other() -> None:
    def correlated(step: int) -> tuple[Tensor, Tensor]:
        """Every example's eight labels are one coin, which a quarter of the examples say wrong."""
        generator = torch.Generator().manual_seed(step)
        coin = torch.randint(2, (25, 1), generator=generator)
        wrong = torch.rand(25, 1, generator=generator) < 0.25
        said = torch.where(wrong, 1 - coin, coin).expand(25, 8)
        return said[..., None].float() + 0.01 * torch.randn(25, 8, 1, generator=generator), coin.expand(25, 8)[
            ..., None
        ]

    found = [
        probe(
            nn.Identity(),
            correlated,
            lambda step, at=at: correlated(100 + at),
            "",
            steps=8,
            held_out_steps=1,
            classes=2,
        ).arrays
        for at in range(40)
    ]
    spread = np.std([arrays["accuracy"][0, 0] for arrays in found])
    assert np.mean([arrays["error"][0, 0] for arrays in found]) == pytest.approx(spread, rel=0.25)


# ----------------------------------------------------------------------------------------------------------------------
# Blocks


def planes(step: int) -> tuple[Tensor, Tensor]:
    """64 rows of 8 numbers, and two blurred halves of them; the second is asked for only in the third batch."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(64, 8, generator=generator)
    y = (x[:, :2] + torch.randn(64, 2, generator=generator) > 0).long()
    if step != 2:
        y[:, 1] = -100
    return x, y


def test_blocks_are_averaged_by_each_targets_labels_with_their_part_of_the_penalty() -> None:
    per_row = 4 * 8 + 8 * 2 + 4 * 8 + 3 * 4 * 4
    probes = fit_probes(nn.Identity(), planes, "", steps=5, classes=2, l2=50.0, max_bytes=64 * per_row)
    start = (torch.zeros(2, 2, 8), torch.zeros(2, 2))
    total = torch.zeros(2, 2, 8)
    for step in range(5):
        x, y = planes(step)
        weight, bias = logistic(x, y, 2, l2=torch.tensor([10.0, 50.0]), start=start)
        total[0] += weight[0] / 5
        share = 1 / (step + 1)
        start[0][0].lerp_(weight[0], share), start[1][0].lerp_(bias[0], share)
        if step == 2:
            total[1] = weight[1]
            start[0][1], start[1][1] = weight[1], bias[1]
    torch.testing.assert_close(probes.weight(""), total, atol=0.006, rtol=0.01)


def test_blocks_come_near_the_whole() -> None:
    whole, blocks = (
        fit_probes(nn.Identity(), planes, "", steps=5, classes=2, l2=50.0, max_bytes=size).weight("")
        for size in (1 << 20, 64 * (4 * 8 + 8 * 2 + 4 * 8 + 3 * 4 * 4))
    )
    for target in range(2):
        assert blocks[target].norm() == pytest.approx(whole[target].norm().item(), rel=0.15)


def test_a_first_batch_with_few_labels_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 32, 4, generator=generator)
    y = (x[..., :1] + torch.randn(8, 32, 1, generator=generator) > 0).long()
    sparse = y.clone()
    sparse[0, 1:] = -100
    first, last = (
        fit_probes(nn.Identity(), lambda step, at=at: (x[at[step]], sparse[at[step]]), "", steps=8, classes=2)
        for at in (range(8), range(7, -1, -1))
    )
    torch.testing.assert_close(first.weight(""), last.weight(""), atol=1e-4, rtol=1e-4)


def test_logits_count_as_memory() -> None:
    wide = lambda step: (torch.randn(64, 2), torch.randint(50, (64, 40)))  # noqa: E731
    with pytest.raises(ValueError, match=r"activations of 1 points need [\d,]+ bytes or more, above max_bytes"):
        fit_probes(nn.Identity(), wide, "", steps=2, classes=50, max_bytes=64 * 3 * 4 * 40 * 50)


# ----------------------------------------------------------------------------------------------------------------------
# Shuffled labels


@pytest.mark.parametrize("kind", ["pairs", "sorted", "single"])
def test_shuffled_labels_say_nothing_of_the_own_however_the_batches_are_made(kind: str) -> None:
    def made(step: int) -> tuple[Tensor, Tensor]:
        y = {"pairs": torch.tensor([0, 1]), "sorted": torch.full((2,), step % 2), "single": torch.tensor([step % 2])}
        return torch.zeros(len(y[kind]), 1), y[kind][:, None]

    shuffled = with_shuffled(made, 600, 0)
    same = torch.cat([y[:, 0] == y[:, 1] for _, y in map(shuffled, range(600))])
    assert same.float().mean() == pytest.approx(0.5, abs=0.07)


def test_the_report_needs_two_examples() -> None:
    one = lambda step: (torch.ones(1, 3), torch.ones(1, 1, dtype=torch.int64))  # noqa: E731
    with pytest.raises(ValueError, match="one example with labels of shape"):
        probe(nn.Identity(), one, one, "", steps=1, held_out_steps=1, classes=2)


def test_every_example_gives_its_labels_to_another() -> None:
    def batch(step: int) -> tuple[Tensor, Tensor]:
        size = (3, 2, 1, 4)[step]
        y = 100 * step + torch.arange(size)[:, None, None].expand(size, 2 if step == 1 else 5, 1)
        return torch.zeros(size, 1), y

    shuffled = with_shuffled(batch, 4, 0)
    both = [shuffled(step)[1] for step in range(4)]
    assert all(torch.equal(y[..., :1], batch(step)[1]) for step, y in enumerate(both))
    assert not any((y[..., 0] == y[..., 1]).any() for y in both)
    long = [y[:, 0, 1].tolist() for y in (both[0], both[2], both[3])]
    assert sorted(itertools.chain(*long)) == [0, 1, 2, 200, 300, 301, 302, 303]
    assert any(donor >= 200 for donor in long[0])  # of another batch
    with pytest.raises(ValueError, match=r"one example with labels of shape \(5, 1\)"):
        with_shuffled(lambda step: batch(2), 1, 0)


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
    model = fresh()
    probes = fit_probes(model, batches, "blocks.0.resid_pre", classes=2, steps=4)
    probes.save(tmp_path / "probes.safetensors")
    again = Probes.load(tmp_path / "probes.safetensors")
    x = torch.randn(5, 16)
    assert torch.equal(probes.predict("blocks.0.resid_pre", x), again.predict("blocks.0.resid_pre", x))


def test_refuses_labels_that_are_none() -> None:
    def wrong(step: int) -> tuple[Tensor, Tensor]:
        return batches(step)[0], torch.full((16, 8, 1), 7)

    with pytest.raises(ValueError, match="7"):
        fit_probes(fresh(), wrong, "blocks.0.resid_pre", classes=2, steps=1)
    for labels in (torch.zeros(16, 8, 1), torch.ones(16, 8, dtype=torch.bool), None):
        with pytest.raises(ValueError, match="as labels: give"):
            fit_probes(
                fresh(),
                lambda step, y=labels: (batches(step)[0], y),
                "blocks.0.resid_pre",
                classes=2,
                steps=1,
            )
    with pytest.raises(ValueError, match="all of them are -100"):
        fit_probes(nn.Identity(), lambda step: (torch.ones(3, 2), torch.full((3, 1), -100)), "", classes=2, steps=1)
