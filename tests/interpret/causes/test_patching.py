from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, drawn, tokens
from torch import Tensor, nn

from glassworks.interpret.causes import patching
from glassworks.interpret.causes.legends.places import ACTIVATION_PATCHING
from glassworks.interpret.causes.legends.wording import judged
from glassworks.interpret.causes.metrics import AtPosition, Metric, kl_divergence, log_probability, logit_difference
from glassworks.interpret.causes.patching import activation_patching, patch_points
from glassworks.interpret.causes.restart import store
from glassworks.interpret.causes.sites import SITES, metrics_of
from glassworks.interpret.tokens import check_pair
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.trace.legend import Legend

T = 5


def inputs() -> tuple[Tensor, Tensor]:
    """Three pairs that differ from position 1 on."""
    clean, corrupt = tokens(2, 3, T)
    corrupt[:, 0] = clean[:, 0]
    return clean, corrupt


def difference(position: int = -1) -> AtPosition:
    return logit_difference(torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6]), position=position)


def naive(
    model: GPT, clean: Tensor, corrupt: Tensor, metric: object, site: str, layer: int, head: int | None, at: int | None
) -> Tensor:
    """One whole run with one hook."""
    point = f"blocks.{layer}.{SITES[site].tap}"
    where, kept = slice(None) if at is None else at, []
    with torch.no_grad(), hooked(model, point, lambda _m, _a, out: kept.append(out)):
        model(clean)
    new = kept[0]

    def edit(_module: nn.Module, _args: object, out: Tensor) -> Tensor:
        x = out.clone()
        if site == "pattern":
            x[:, head, where] = new[:, head, where]
        elif head is None:
            x[:, where] = new[:, where]
        else:
            x[:, where, head] = new[:, where, head]
        return x

    with torch.no_grad(), hooked(model, point, edit):
        return metric(model(corrupt))  # type: ignore[operator,no-any-return]


@contextmanager
def hooked(model: nn.Module, point: str, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    handle = model.get_submodule(point).register_forward_hook(hook)
    yield
    handle.remove()


@pytest.mark.parametrize("by_position", [True, False])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_sweep_equals_a_loop_of_whole_runs(name: str, by_position: bool) -> None:
    model, (clean, corrupt) = drawn(name), inputs()
    for metric in (difference(3), lambda logits: logits[..., 7].mean(1)):
        trace = activation_patching(
            model, clean, corrupt, metric, sites=list(SITES), by_position=by_position, controls=0, max_bytes=2**19
        )
        picks = np.random.default_rng(0)
        for site in SITES:
            found = trace.arrays[f"{site}_metric"]
            assert trace.axes[f"{site}_metric"][-1] == "pair"
            for flat in picks.choice(found[..., 0].size, 3):
                place = [int(i) for i in np.unravel_index(flat, found.shape[:-1])]
                at = place[-1] if by_position else None
                head = place[1] if SITES[site].heads else None
                expected = naive(model, clean, corrupt, metric, site, place[0], head, at)
                np.testing.assert_allclose(found[*place], expected, rtol=1e-5, atol=1e-5, err_msg=f"{site} {place}")


@pytest.mark.parametrize("name", CONFIGS)
def test_patching_everything_gives_the_clean_run_and_nothing_the_corrupt_one(name: str) -> None:
    model, (clean, corrupt) = drawn(name), inputs()
    sites = ["resid_pre", "resid_post"]
    whole = activation_patching(model, clean, corrupt, difference(), sites=sites, by_position=False).arrays
    np.testing.assert_allclose(whole["resid_pre"], 1, atol=1e-4)
    np.testing.assert_allclose(whole["resid_post"], 1, atol=1e-4)
    single = activation_patching(model, clean, corrupt, difference(), sites=sites).arrays
    assert single["resid_post"][-1, -1] == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(single["resid_pre"][:, 0], 0, atol=1e-4)  # the inputs agree at position 0
    assert np.abs(single["resid_pre"][0, 1:]).min() > 1e-3


def test_patching_a_run_with_itself_changes_nothing() -> None:
    model, (clean, _) = drawn("qwen3"), inputs()
    trace = activation_patching(model, clean, clean, difference(), sites=list(SITES))
    for site in SITES:
        np.testing.assert_allclose(trace.arrays[site], 0, atol=1e-5)
        assert f"{site}_control" not in trace.arrays  # nothing differs, so there is no change to randomise


def test_positions_behind_the_one_that_is_judged_have_no_effect() -> None:
    model, (clean, corrupt) = drawn("nanochat"), inputs()
    effect = activation_patching(model, clean, corrupt, difference(2), sites="z").arrays["z"]
    assert effect.shape == (2, 2, T)
    assert (effect[:, :, 3:] == 0).all()
    assert (effect[:, :, 2] != 0).all()


def test_batches_of_any_size_give_the_same() -> None:
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    one, many = (
        activation_patching(model, clean, corrupt, difference(), sites=["z", "k"], max_bytes=size).arrays
        for size in (2**16, 2**26)
    )
    for name in one:
        np.testing.assert_allclose(one[name], many[name], rtol=1e-4, atol=1e-5)


def test_controls_are_random_changes_of_the_same_norm() -> None:
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    first, second, other = (
        activation_patching(model, clean, corrupt, difference(), sites="z", controls=5, seed=seed) for seed in (0, 0, 1)
    )
    assert first.arrays["z_control"].shape == (5,)
    np.testing.assert_array_equal(first.arrays["z_control"], second.arrays["z_control"])
    assert not np.array_equal(first.arrays["z_control"], other.arrays["z_control"])
    for i, name in enumerate(first.labels["z_place"]):
        layer, head, position = (int(word.split()[-1]) for word in name.split(", "))
        assert first.arrays["z_control_true"][i] == first.arrays["z"][layer, head, position]
    assert first.arrays["z_control"][0] != first.arrays["z_control_true"][0]


def test_controls_stand_at_the_largest_effects_and_at_a_few_others() -> None:
    """At places drawn from all, most had no effect, so that their controls could be held against nothing."""
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    trace = activation_patching(model, clean, corrupt, difference(), sites="z", controls=8, draws=3)
    sizes = abs(trace.arrays["z_control_true"])
    positions = [int(name.split()[-1]) for name in trace.labels["z_place"]]
    every, at = abs(trace.arrays["z"]), list[int]()
    order = np.argsort(-every, axis=None)
    for where in (int(np.unravel_index(i, every.shape)[-1]) for i in order):
        if len(at) < 6 and at.count(where) < 3:
            at.append(where)
    assert positions[:6] == at  # the largest, of one position no more than half
    assert sizes[0] == every.max()
    assert (np.diff(sizes[:6]) <= 0).all()
    assert len(set(trace.labels["z_place"])) == 8
    assert (trace.arrays["z_deviation"][:6] > 0).all()


def test_a_place_is_called_by_its_token() -> None:
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    labels = [" a", " b", *(" c" for _ in range(clean.size(1) - 2))]
    trace = activation_patching(model, clean, corrupt, difference(), labels=labels, controls=100, draws=1)
    names = set(trace.labels["resid_pre_place"])
    assert "layer 0, “·c” at 2" in names or "layer 0, “·b”" in names or "layer 0, “·a”" in names
    assert all("position" not in name for name in names)
    assert not trace.arrays["resid_pre_deviation"].any()  # one draw has no spread


def test_the_legend_says_which_answer_in_which_unit_and_shares_of_how_much() -> None:
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    ones = torch.ones(len(clean), dtype=torch.long)

    def said(metric: Metric, corrupt: Tensor = corrupt) -> Legend:
        return activation_patching(model, clean, corrupt, metric, controls=0).legend

    both = said(logit_difference(ones, 2 * ones))
    assert "the logit of “{metric_token}” less the logit of “{metric_less_token}” after the last token" in both.measure
    assert f"(means of {len(clean)} pairs)" in both.measure
    assert "carry the answer “{metric_token}” rather than “{metric_less_token}”?" in both.question
    single = said(log_probability(ones, position=2))
    assert "the log-probability of “{metric_token}” at position 2" in single.measure
    assert "carry the answer “{metric_token}”?" in single.question
    assert "less" not in single.question
    each = said(logit_difference(torch.arange(len(clean)), 9 - torch.arange(len(clean))))
    assert "each pair’s right token" in each.measure
    own = said(lambda logits: 1e-3 * logits[:, -1, 0])
    assert "the given function" in own.measure
    assert "nats" not in own.measure
    assert own.quantities["resid_pre"].ends == (-1, 1)
    same = said(logit_difference(ones, 2 * ones), clean)
    assert "nothing to share out" in same.measure
    assert same.nothing.startswith("On this page there is nothing")


def test_shares_of_little_are_not_stretched_over_the_scale() -> None:
    """A tenth of a nat filled the colours as well as ten."""
    facts = {"metric": "logit difference", "metric_token": 1, "metric_less_token": 2}
    little, much, other = (
        judged(ACTIVATION_PATCHING, told, answers=(scale, 0.0), scale=scale, differs=True, pairs=1)
        for told, scale in ((facts, 0.1), (facts, 8.0), ({}, 0.1))
    )
    reach = [legend.quantities["resid_pre"].ends[1] for legend in (little, much, other)]
    assert reach == pytest.approx([10.0, 1.0, 1.0])
    assert "colours and axes end at a whole nat" in little.measure
    assert "0.10 nats in all" in little.nothing
    assert much.nothing == ACTIVATION_PATCHING.nothing


@pytest.mark.parametrize("site", ["resid_pre", "z", "k", "pattern"])
def test_what_a_control_puts_in_is_as_far_away_as_the_patch_and_in_no_like_direction(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    length, width = (8, 64) if site != "pattern" else (64, 16)
    model, given = drawn("gpt2", n_ctx=length, n_head=1, n_embd=width), []
    clean, corrupt = tokens(2, 3, length)
    monkeypatch.setattr(patching, "metrics_of", lambda *args, **kw: given.append(args[2]) or metrics_of(*args, **kw))
    trace = activation_patching(model, clean, corrupt, difference(), sites=site, by_position=False)
    patch, control = given
    stored = store(model, corrupt, [SITES[site].tap])
    for layer in range(2):
        old = stored.at(layer, SITES[site].tap)
        real, random = patch[layer][0] - old, control[layer][0] - old
        torch.testing.assert_close(random.norm(dim=-1), real.norm(dim=-1), rtol=1e-4, atol=1e-5)
        cosine = torch.cosine_similarity(random.flatten(), real.flatten(), 0)
        assert abs(float(cosine)) < 0.15
    assert not np.allclose(trace.arrays[f"{site}_control"], trace.arrays[f"{site}_control_true"], rtol=0.05)


def test_works_in_bfloat16_and_on_one_token() -> None:
    model = drawn("qwen3").to(torch.bfloat16)
    clean, corrupt = inputs()
    arrays = activation_patching(model, clean, corrupt, difference(), sites=list(SITES)).arrays
    assert all(np.isfinite(array).all() for array in arrays.values())
    model = drawn("gpt2")
    short = activation_patching(model, clean[:, 1:2], corrupt[:, 1:2], difference()).arrays["resid_pre"]
    np.testing.assert_allclose(short, 1, atol=1e-4)


def test_the_model_is_left_as_it_was() -> None:
    model, (clean, corrupt) = drawn("gpt2").train(), inputs()
    activation_patching(model, clean, corrupt, difference(), sites=list(SITES))
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_refuses_what_does_not_fit() -> None:
    model, (clean, corrupt) = drawn("gpt2"), inputs()
    with pytest.raises(ValueError, match=r"sites \(='resid_pr'\).*nearest: resid_pre"):
        activation_patching(model, clean, corrupt, difference(), sites="resid_pr")
    with pytest.raises(ValueError, match=r"clean \(3, 5\) and corrupt \(3, 4\)"):
        check_pair(model, clean, corrupt[:, :4])
    with pytest.raises(ValueError, match=r"corrupt \(=\d+\) must be from 0 to 49"):
        activation_patching(model, clean, corrupt + 50, difference())
    with pytest.raises(ValueError, match=r"clean has shape \(0, 5\): give a batch \(B, T\) of at least one"):
        activation_patching(model, clean[:0], corrupt[:0], difference())
    with pytest.raises(ValueError, match=r"labels \(2\)"):
        activation_patching(model, clean, corrupt, difference(), labels=["a", "b"])
    with pytest.raises(ValueError, match=r"metric gave \(3, 5\)"):
        activation_patching(model, clean, corrupt, lambda logits: logits[..., 0])
    with pytest.raises(ValueError, match="position 9 of 5"):
        activation_patching(model, clean, corrupt, difference(9))
    with pytest.raises(ValueError, match=r"max_bytes \(=1,000\) must be at least [0-9,]+"):
        activation_patching(model, clean, corrupt, difference(), max_bytes=1000)
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[0, 0] = torch.nan  # type: ignore[union-attr,index]
    with pytest.raises(ValueError, match="begin at the weights of blocks.1.mlp.up.weight"):
        activation_patching(model, clean, corrupt, difference())


def test_a_stored_run_has_the_models_own_values() -> None:
    model, (clean, _) = drawn("nanochat"), inputs()
    stored = store(model, clean, ["attn.z"])
    with torch.no_grad():
        assert torch.equal(stored.logits, model(clean))
        assert torch.equal(model.unembed(stored.at(2, "resid_pre")), stored.logits)
    assert stored.at(1, "attn.z").shape == (3, T, 2, 8)


# ----------------------------------------------------------------------------------------------------------------------
# Metrics


def test_metrics_are_what_they_say() -> None:
    logits = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(0))
    right, wrong = torch.tensor([1, 2]), torch.tensor([3, 4])
    expected = torch.stack([logits[0, 2, 1] - logits[0, 2, 3], logits[1, 2, 2] - logits[1, 2, 4]])
    assert torch.equal(logit_difference(right, wrong, position=2)(logits), expected)
    assert torch.allclose(log_probability(right)(logits), logits[:, -1].log_softmax(-1)[[0, 1], right])
    assert torch.equal(kl_divergence(logits)(logits), torch.zeros(2))
    other = logits.roll(1, 0)
    p, q = logits.softmax(-1), other.softmax(-1)
    assert torch.allclose(kl_divergence(logits)(other), (p * (p / q).log()).sum(-1).mean(1), atol=1e-6)
    assert torch.allclose(kl_divergence(logits, position=1)(other), (p * (p / q).log()).sum(-1)[:, 1], atol=1e-6)


def test_metrics_refuse_tokens_that_do_not_fit() -> None:
    logits = torch.zeros(2, 4, 9)
    with pytest.raises(ValueError, match=r"correct \(2,\) and wrong \(3,\)"):
        logit_difference(torch.zeros(2).long(), torch.zeros(3).long())
    with pytest.raises(ValueError, match="one token for each of the 2 rows, not 3"):
        log_probability(torch.zeros(3).long())(logits)
    with pytest.raises(ValueError, match="below the vocabulary's 9"):
        log_probability(torch.tensor([0, 9]))(logits)
    with pytest.raises(ValueError, match=r"reference has shape \(2, 4, 9\), the logits \(2, 3, 9\)"):
        kl_divergence(logits)(logits[:, 1:])


# ----------------------------------------------------------------------------------------------------------------------
# Any module


class TwoWays(nn.Module):
    """Two paths that are added; one is a tuple's first item."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.LSTM(3, 4, batch_first=True)
        self.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.left(x) + self.right(x)[0])  # type: ignore[no-any-return]


class Odd(nn.Module):
    """Values of one axis, and whole numbers, on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.ids = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.flat(x[:, 0, 0])[:, None, None] + self.ids(x.long()).float()


def rows() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 5, 3)


def judge(out: Tensor) -> Tensor:
    return out[:, -1, 0]


def test_any_module_is_patched_point_by_point() -> None:
    torch.manual_seed(0)
    model, (clean, corrupt) = TwoWays(), rows()
    trace = patch_points(model, clean, corrupt, judge, ["left", "right:0", "out"])
    assert trace.labels["point"] == ["left", "right:0", "out"]
    model.eval()
    with torch.no_grad():
        mixed = model.out(model.left(clean) + model.right(corrupt)[0])
        np.testing.assert_allclose(trace.arrays["metric"][0], judge(mixed), rtol=1e-5)
        plain = judge(model(corrupt))
    np.testing.assert_allclose(trace.arrays["corrupt"], plain, rtol=1e-6)
    # the sum is linear, so that the two halves carry all of the difference between them
    assert trace.arrays["effect"][:2].sum() == pytest.approx(1, abs=1e-5)
    assert trace.arrays["effect"][2] == pytest.approx(1, abs=1e-6)
    assert not np.allclose(trace.arrays["control"], trace.arrays["effect"])


def test_the_control_of_a_point_is_as_far_away_as_the_patch_and_in_no_like_direction() -> None:
    torch.manual_seed(0)
    model, received = nn.Sequential(nn.Linear(3, 400), nn.Identity()), list[Tensor]()
    model[1].register_forward_hook(lambda _m, args, _o: received.append(args[0]))
    clean, corrupt = torch.randn(2, 2, 3)
    patch_points(model, clean, corrupt, lambda out: out[:, 0], "0")
    with torch.no_grad():
        new, old = model[0](clean), model[0](corrupt)
    patched, control = received[-2:]
    torch.testing.assert_close(patched, new)
    torch.testing.assert_close((control - old).norm(dim=1), (new - old).norm(dim=1), rtol=1e-4, atol=0)
    assert torch.cosine_similarity(control - old, new - old).abs().max() < 0.2


def test_points_can_be_patched_at_some_positions() -> None:
    torch.manual_seed(0)
    model, (clean, corrupt) = TwoWays(), rows()
    effect = patch_points(model, clean, corrupt, judge, "left", positions=[0, 1]).arrays["effect"]
    assert effect[0] == 0  # the metric reads the last position
    assert patch_points(model, clean, corrupt, judge, "left", positions=[-1]).arrays["effect"][0] != 0


def test_patch_points_refuses_what_does_not_fit() -> None:
    model, (clean, corrupt) = TwoWays(), rows()
    with pytest.raises(ValueError, match="nearest: left"):
        patch_points(model, clean, corrupt, judge, "lef")
    for point in ("flat", "ids"):
        with pytest.raises(ValueError, match=rf"points: {point} has shape .* choose one with floats"):
            patch_points(Odd(), clean, corrupt, judge, point)
    with pytest.raises(ValueError, match=r"metric gave torch.int64: it must give floats"):
        patch_points(model, clean, corrupt, lambda out: out[:, -1, 0].long(), "left")
    with pytest.raises(ValueError, match=r"clean \[\(2, 5, 3\)\] and corrupt \[\(1, 5, 3\)\]"):
        patch_points(model, clean, corrupt[:1], judge, "left")


def test_memory_that_is_not_there_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    sizes: list[int] = []
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 40_000))
    model[1].register_forward_hook(lambda _m, _a, out: sizes.append(out.nbytes))
    with pytest.raises(ValueError, match=r"needs 81,920,000 bytes, 8,388,608 are free: give fewer or smaller inputs"):
        patch_points(model, torch.zeros(256, 4), torch.ones(256, 4), lambda out: out[:, 0], "0")
    assert not sizes
    small = drawn("gpt2")
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**14)
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 16,384 are free: give a smaller max_bytes"):
        activation_patching(small, *inputs(), difference())
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    large = GPT(GPTConfig("qwen3", 40_000, 16, 1, 1, 8))
    tokens = torch.zeros(16, 16, dtype=torch.int64)
    large.head.register_forward_hook(lambda _m, _a, out: sizes.append(out.nbytes))
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free"):
        activation_patching(large, tokens, tokens + 1, log_probability(tokens[:, 0]))
    assert not sizes


def test_points_of_any_module_have_a_legend_with_effect_and_control_side_by_side() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    clean, corrupt = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    trace = patch_points(model, clean, corrupt, lambda y: y[:, 0], ["0", "1"])
    assert trace.legend.of("effect").controls == ("control",)
    assert "what the given function makes" in trace.legend.measure
    assert set(trace.arrays) <= set(trace.legend.quantities)
