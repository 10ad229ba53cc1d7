import inspect
import math

import numpy as np
import pytest
import torch
from tests.interpret.networks import fresh
from torch import Tensor, nn

from glassworks.interpret.access.hooks import patch
from glassworks.interpret.causes.metrics import log_probability
from glassworks.interpret.causes.steering import mean_difference, reflect, steer

TOKENS = torch.randint(20, (5, 8), generator=torch.Generator().manual_seed(0))


class Reader(nn.Module):
    """Two taps in a row, and an output that only listens to one direction of the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.turn, self.second = nn.Identity(), nn.Linear(4, 4, bias=False), nn.Identity()
        with torch.no_grad():
            self.turn.weight.copy_(torch.eye(4).roll(1, 0))
        self.listened = torch.tensor([1.0, 0, 0, 0])

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.turn(self.first(x))) @ self.listened


def rows(output: Tensor) -> Tensor:
    return output


def test_a_planted_direction_moves_the_output_and_no_other_does() -> None:
    model, x = Reader(), torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    trace = steer(model, x, model.listened, "second", rows, scales=[-2, 0, 2], wrong_point="first", draws=50)
    plain = model(x).mean().item()
    row = dict(zip(trace.labels["row"], trace.arrays["metric"], strict=True))
    assert row["direction"] == pytest.approx([plain - 2, plain, plain + 2], abs=1e-5)
    assert row["wrong place"] == pytest.approx([plain] * 3, abs=1e-6)
    assert row["null"] == pytest.approx([plain] * 3, abs=1e-6)
    assert row["random directions"][2] == pytest.approx(plain, abs=0.5)
    # a random unit vector of 4 dimensions has a standard deviation of 1/2 along each
    assert trace.arrays["deviation"][1] == pytest.approx([1, 0, 1], abs=0.3)
    assert trace.meta["longest"] == 2
    assert float(trace.meta["beyond_random"]) > 1.5  # that of -2 was told before, as if the direction led away
    assert math.isnan(trace.arrays["deviation"][0, 0])


def test_the_wrong_place_is_the_farthest_tap_of_the_same_shape_by_itself() -> None:
    model, metric = fresh(), log_probability(TOKENS[:, 0])
    for point, expected in (
        ("blocks.1.resid_post", "blocks.0.resid_pre"),
        ("blocks.0.resid_pre", "blocks.1.resid_post"),
        ("blocks.1.mlp:in", "blocks.0.resid_pre"),
    ):
        found = steer(model, TOKENS, torch.ones(16), point, metric, scales=[1])
        assert found.meta["wrong_point"] == expected
        named = steer(model, TOKENS, torch.ones(16), point, metric, scales=[1], wrong_point=expected)
        np.testing.assert_array_equal(found.arrays["metric"], named.arrays["metric"])
        assert found.labels["row"] == ["direction", "random directions", "wrong place", "null"]
    line = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    read = lambda output: output[:, 0]  # noqa: E731
    assert steer(line, torch.ones(5, 4), torch.ones(4), "1", read, scales=[1]).meta["wrong_point"] == "0"
    alone = steer(line, torch.ones(5, 4), torch.ones(3), "2", read, scales=[1])
    assert alone.meta["wrong_point"] == ""
    assert math.isnan(alone.arrays["metric"][2, 0])


def test_a_reflection_has_the_rows_of_a_push() -> None:
    model, x = Reader(), torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) + 1
    trace = steer(model, x, 3 * model.listened, "second", rows, scales=[0, 1], how="reflect", draws=200)
    plain = model(x).mean().item()
    row = dict(zip(trace.labels["row"], trace.arrays["metric"], strict=True))
    assert row["direction"] == pytest.approx([0, -plain], abs=1e-5)  # erased, and mirrored
    assert row["null"] == pytest.approx([plain] * 2)
    # a random plane takes a quarter of what a reader of one of 4 dimensions sees, and as much of it again if mirrored
    assert row["random directions"] == pytest.approx([0.75 * plain, 0.5 * plain], abs=0.15)
    with torch.no_grad(), patch(model, {"first": reflect(model.listened)}):
        assert row["wrong place"][1] == pytest.approx(model(x).mean().item(), abs=1e-6)
    with pytest.raises(ValueError, match=r"how \(='turn'\) must be one of add, reflect"):
        inspect.unwrap(steer)(model, x, model.listened, "second", rows, scales=[1], how="turn")


def test_inputs_may_be_a_dict_of_keywords() -> None:
    model, metric = fresh(), log_probability(TOKENS[:, 0])
    for how in ("add", "reflect"):
        plain, named = (
            steer(model, inputs, torch.ones(16), "blocks.0.resid_post", metric, scales=[1], how=how)  # type: ignore[arg-type]
            for inputs in (TOKENS, {"tokens": TOKENS})
        )
        np.testing.assert_array_equal(plain.arrays["metric"], named.arrays["metric"])
    assert not model._forward_pre_hooks


def test_a_scale_of_zero_is_the_plain_run_exactly() -> None:
    model, metric = fresh(), log_probability(TOKENS[:, 0])
    trace = steer(model, TOKENS, torch.ones(16), "blocks.0.resid_post", metric, scales=[0, 3])
    with torch.no_grad():
        plain = metric(model(TOKENS))
    assert torch.equal(torch.from_numpy(trace.arrays["metric_of_pair"][0]), plain)
    assert not torch.equal(torch.from_numpy(trace.arrays["metric_of_pair"][1]), plain)


def test_only_the_chosen_positions_are_pushed() -> None:
    model, metric = fresh(), log_probability(TOKENS[:, 0], position=3)
    push = torch.arange(16.0)
    last, all_of = (
        steer(model, TOKENS, push, "blocks.1.resid_post", metric, scales=[1], positions=where).arrays["metric"][0, 0]
        for where in ([-1], None)
    )
    plain = steer(model, TOKENS, push, "blocks.1.resid_post", metric, scales=[0]).arrays["metric"][0, 0]
    assert last == plain  # behind the last block nothing of position 7 reaches position 3
    assert all_of != plain


def test_the_wrong_place_may_be_other_positions_of_the_same_point() -> None:
    model, metric = fresh(), log_probability(TOKENS[:, 0], position=3)
    trace = steer(
        model,
        TOKENS,
        torch.arange(16.0),
        "blocks.1.resid_post",
        metric,
        scales=[1],
        positions=[3],
        wrong_positions=[-1],
        goal=1.5,
    )
    row = dict(zip(trace.labels["row"], trace.arrays["metric"][:, 0], strict=True))
    assert row["wrong place"] == row["null"] != row["direction"]  # behind the last block 7 does not reach 3
    assert trace.meta["wrong_point"] == "blocks.1.resid_post"
    assert trace.meta["wrong_place"] == "the stream behind layer 1, at the last token"
    assert trace.meta["place"] == "the stream behind layer 1, at position 3"
    assert "1.50 on the text itself" in trace.legend.measure


def test_the_difference_of_means_is_the_planted_one() -> None:
    planted = torch.tensor([0.0, 3.0, 0.0, -4.0])
    noise = torch.randn(500, 4, generator=torch.Generator().manual_seed(1))
    found = mean_difference(nn.Identity(), lambda step: noise + planted, lambda step: noise, "")
    torch.testing.assert_close(found, planted, atol=1e-5, rtol=0)


def test_a_mean_of_nothing_is_refused() -> None:
    masks = [torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)]
    some, none = (lambda step, mask=mask: (torch.ones(3, 4), mask) for mask in masks)
    with pytest.raises(ValueError, match="negative keeps no place"):
        mean_difference(nn.Identity(), some, none, "")
    with pytest.raises(ValueError, match="here it must be bool"):
        mean_difference(nn.Identity(), lambda step: (torch.ones(3, 4), torch.ones(3).long()), some, "")


def test_reflecting_twice_is_nothing_and_erasing_leaves_none() -> None:
    model, x, d = nn.Identity(), torch.randn(6, 4), torch.tensor([1.0, 2.0, 0.0, -1.0])
    with patch(model, {"": reflect(d)}):
        once = model(x)
        torch.testing.assert_close(model(once), x)
    torch.testing.assert_close(once @ d, -(x @ d))
    with patch(model, {"": reflect(d, 0.0)}):
        torch.testing.assert_close(model(x) @ d, torch.zeros(6), atol=1e-5, rtol=0)


def test_refuses_what_cannot_steer() -> None:
    model, metric, point = fresh(), log_probability(TOKENS[:, 0]), "blocks.0.resid_post"
    with pytest.raises(ValueError, match=r"direction \(15,\) does not fit values \(5, 8, 16\)"):
        steer(model, TOKENS, torch.ones(15), point, metric, scales=[1])
    with pytest.raises(ValueError, match="longer than 0"):
        steer(model, TOKENS, torch.zeros(16), point, metric, scales=[1])
    with pytest.raises(ValueError, match="at least one factor"):
        steer(model, TOKENS, torch.ones(16), point, metric, scales=[])
    with pytest.raises(ValueError, match=r"draws \(=1\)"):
        steer(model, TOKENS, torch.ones(16), point, metric, scales=[1], draws=1)
