import numpy as np
import pytest
import torch
from tests.interpret.networks import ARCHITECTURES, drawn, fresh
from tests.interpret.planted import induction_model
from torch import Tensor, nn

from glassworks.interpret.causes import ablation as module
from glassworks.interpret.causes.ablation import ablate_points, ablation, check_kinds, other_rows
from glassworks.interpret.causes.metrics import AtPosition, log_probability
from glassworks.interpret.causes.restart import store
from glassworks.interpret.causes.sites import SITES, metrics_of
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


def two_rows() -> Tensor:
    return torch.randint(50, (2, 5), generator=torch.Generator().manual_seed(1))


def metric() -> AtPosition:
    return log_probability(torch.tensor([1, 2]))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_ablation_equals_whole_runs_with_the_values_replaced(name: str) -> None:
    model, tokens, layer = drawn(name), two_rows(), 1
    trace = ablation(model, tokens, metric(), sites=["z", "k", "mlp_out"], controls=0)
    assert trace.labels["kind"] == ["zero", "mean", "resample"]
    for site in ("z", "k", "mlp_out"):
        head = 0 if SITES[site].heads else None
        index = (layer,) if head is None else (layer, head)
        # two rows that are each other's reference: the mean is of both, and only the other one can be drawn
        for i, silent in enumerate((torch.zeros_like, lambda x: x.mean(0).expand_as(x), lambda x: x.flip(0))):
            tap = model.get_submodule(f"blocks.{layer}.{SITES[site].tap}")
            hook = tap.register_forward_hook(lambda _m, _a, out, h=head, f=silent: replace(out, f(out), h))
            with torch.no_grad():
                expected = metric()(model(tokens))
            hook.remove()
            np.testing.assert_allclose(trace.arrays[f"{site}_metric"][i, *index], expected, rtol=1e-5, atol=1e-5)
            change = (expected - torch.from_numpy(trace.arrays["plain"])).mean()
            assert trace.arrays[site][i, *index] == pytest.approx(change.item(), abs=1e-5)


def replace(x: Tensor, new: Tensor, head: int | None) -> Tensor:
    if head is None:
        return new
    x = x.clone()
    x[:, :, head] = new[:, :, head]
    return x


def test_a_position_alone_can_be_silenced() -> None:
    model, tokens = drawn("gpt2"), two_rows()
    change = ablation(model, tokens, metric(), sites="resid_post", by_position=True, controls=0).arrays["resid_post"]
    assert change.shape == (3, 2, 5)
    assert (change[:, 1, :-1] == 0).all()  # behind the last layer only the position that is judged counts
    assert (change[:, 1, -1] != 0).all()


def test_rows_that_are_alike_are_their_own_mean_and_sample() -> None:
    model, tokens = drawn("qwen3"), two_rows()[:1].expand(2, -1)
    trace = ablation(model, tokens, log_probability(torch.tensor([1, 1])), controls=0)
    for site in ("z", "mlp_out"):
        np.testing.assert_allclose(trace.arrays[site][1:], 0, atol=1e-5)
        assert np.abs(trace.arrays[site][0]).min() > 1e-4


def test_another_reference_is_averaged_and_drawn_from() -> None:
    model, tokens = drawn("gpt2"), two_rows()
    reference = two_rows()[:1].expand(4, -1)  # four times the first row
    change = ablation(model, tokens, metric(), sites="z", reference=reference, controls=0).arrays["z_metric"]
    np.testing.assert_allclose(change[1], change[2], atol=1e-5)
    np.testing.assert_allclose(change[1, :, :, 0], change[1, 0, 0, 0], atol=1e-5)  # the first row with itself


def test_silencing_the_planted_heads_is_what_costs_the_prediction() -> None:
    model = induction_model()
    tokens = torch.tensor([[0, 3, 5, 2, 1, 7, 3], [0, 1, 2, 6, 5, 4, 1]])
    trace = ablation(model, tokens, log_probability(torch.tensor([5, 2])), kinds=["zero", "resample"])
    heads = trace.arrays["z"]  # (kind, layer, head)
    assert heads[0, 0, 0] < -1
    assert heads[0, 1, 0] < -1
    assert np.abs(heads[:, :, 1:]).max() < 0.1
    assert np.abs(trace.arrays["mlp_out"]).max() < 0.1
    assert trace.arrays["z_control"].shape == trace.arrays["z_control_true"].shape == (2, len(trace.labels["z_place"]))
    assert trace.labels["z_place"][0] in ("layer 0, head 0", "layer 1, head 0")  # the planted ones come first


def test_what_a_control_puts_in_is_as_far_away_as_the_ablation_and_in_no_like_direction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, given = GPT(GPTConfig("gpt2", 50, 8, 2, 1, 64), seed=1), []
    tokens = torch.randint(50, (3, 8), generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(module, "metrics_of", lambda *args, **kw: given.append(args[2]) or metrics_of(*args, **kw))
    ablation(model, tokens, log_probability(torch.tensor([1, 2, 3])), sites="z", draws=1)
    assert len(given) == 6  # three kinds, then their controls
    stored = store(model, tokens, ["attn.z"])
    for real, random in zip(given[:3], given[3:], strict=True):
        for layer in range(2):
            changes = [donors[layer][0] - stored.at(layer, "attn.z") for donors in (real, random)]
            torch.testing.assert_close(changes[1].norm(dim=-1), changes[0].norm(dim=-1), rtol=1e-4, atol=1e-6)
            assert abs(float(torch.cosine_similarity(*(x.flatten() for x in changes), 0))) < 0.15


def test_resampling_never_draws_the_row_itself_and_is_seeded() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = [other_rows(5, 5, True, generator) for _ in range(50)]
    assert all((rows != torch.arange(5)).all() for rows in draws)
    assert len({int(rows[0]) for rows in draws}) == 4
    model, tokens = drawn("gpt2"), torch.randint(50, (4, 5), generator=generator)
    score = log_probability(torch.tensor([1, 2, 3, 4]))
    runs = [ablation(model, tokens, score, seed=seed, controls=3).arrays for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0]["z"], runs[1]["z"])
    np.testing.assert_array_equal(runs[0]["z_control"], runs[1]["z_control"])
    assert not np.array_equal(runs[0]["z"][2], runs[2]["z"][2])


def test_refuses_what_does_not_fit() -> None:
    model, tokens = drawn("gpt2"), two_rows()
    with pytest.raises(ValueError, match="reference .1 row. must be at least 2"):
        ablation(model, tokens[:1], log_probability(torch.tensor([1])))
    with pytest.raises(ValueError, match="must be some of zero, mean, resample"):
        check_kinds(["nought"], tokens)
    with pytest.raises(ValueError, match="nearest: z"):
        ablation(model, tokens, metric(), sites="zz")
    with pytest.raises(ValueError, match=r"draws \(=0\) must be at least 1"):
        ablation(model, tokens, metric(), draws=0)
    with pytest.raises(ValueError, match=r"controls \(=-1\) must be at least 0"):
        ablation(model, tokens, metric(), controls=-1)
    one = ablation(model, tokens[:1], log_probability(torch.tensor([1])), kinds=["zero"], controls=0)
    assert one.arrays["z"].shape == (1, 2, 2)


# ----------------------------------------------------------------------------------------------------------------------
# Any module


def test_any_module_is_ablated_point_by_point() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 2)).train()
    x = torch.randn(2, 3)
    trace = ablate_points(model, x, lambda out: out[:, 0], ["0", "2"])
    model.eval()
    with torch.no_grad():
        hidden = model[2](model[0](x))
        expected = [torch.zeros(2, 4), hidden.mean(0).expand(2, 4), hidden.flip(0)]
        for i, silent in enumerate(expected):
            np.testing.assert_allclose(trace.arrays["metric"][i, 1], model[3](silent)[:, 0], rtol=1e-5)
        plain = model(x)[:, 0]
    np.testing.assert_allclose(trace.arrays["plain"], plain, rtol=1e-6)
    np.testing.assert_allclose(
        trace.arrays["effect"], (trace.arrays["metric"] - plain.numpy()).mean(-1), rtol=1e-4, atol=1e-6
    )
    assert trace.arrays["control"].shape == (3, 2)
    assert trace.labels["point"] == ["0", "2"]


def test_the_control_of_a_point_is_as_far_away_as_the_ablation_and_in_no_like_direction() -> None:
    torch.manual_seed(0)
    model, received = nn.Sequential(nn.Linear(3, 400), nn.Identity()), list[Tensor]()
    model[1].register_forward_hook(lambda _m, args, _o: received.append(args[0]))
    x = torch.randn(2, 3)
    ablate_points(model, x, lambda out: out[:, 0], "0")
    with torch.no_grad():
        old = model[0](x)
    for silent, control in zip(received[-6::2], received[-5::2], strict=True):
        torch.testing.assert_close((control - old).norm(dim=1), (silent - old).norm(dim=1), rtol=1e-4, atol=0)
        assert torch.cosine_similarity(control - old, silent - old).abs().max() < 0.2


def test_points_that_cannot_be_silenced_beside_a_control_are_refused() -> None:
    model = fresh("gpt2")
    with pytest.raises(ValueError, match=r"points: embed:in has shape \(2, 5\) and dtype torch.int64"):
        ablate_points(model, two_rows(), metric(), "embed:in")
