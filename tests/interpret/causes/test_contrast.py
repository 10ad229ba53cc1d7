from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from tests.interpret.networks import fresh
from torch import Tensor, nn

from glassworks.interpret.causes.attribution_patching import attribution_patching
from glassworks.interpret.causes.circuits import faithfulness_curve
from glassworks.interpret.causes.contrast import STEADY, contrast_of, rounding, widened
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.metrics import AtPosition, kl_divergence, log_probability, logit_difference
from glassworks.interpret.causes.patching import activation_patching, patch_points
from glassworks.interpret.causes.paths import path_patching
from glassworks.interpret.causes.steering import steer
from glassworks.models.gpt.model import GPT

METRIC = logit_difference(torch.tensor([3, 2]), torch.tensor([4, 5]))


def alike(name: str, apart: float) -> tuple[GPT, Tensor, Tensor]:
    """A model to which tokens 0 and 1 are nearly one, and two pairs that differ by them at position 2."""
    model, generator = fresh(name), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, 0.3, generator=generator))
        model.embed.weight[1] = model.embed.weight[0] + apart * model.embed.weight[2]
    clean = torch.randint(2, 50, (2, 5), generator=generator)
    corrupt = clean.clone()
    clean[:, 2], corrupt[:, 2] = 0, 1
    return model, clean, corrupt


@contextmanager
def other_rounding(model: nn.Module) -> Iterator[None]:
    """Every product a little off, as another CPU's may be: by some of the last digits of its own precision."""
    generator = torch.Generator().manual_seed(7)

    def off(_module: nn.Module, _args: object, y: Tensor) -> Tensor:
        noise = torch.randn(y.shape, generator=generator).to(y)
        return y + noise * y.detach().abs().amax() * torch.finfo(y.dtype).eps

    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                stack.callback(module.register_forward_hook(off).remove)
        yield


def sums(model: GPT, clean: Tensor, corrupt: Tensor) -> dict[str, float]:
    """What each method makes of all that differs between two inputs: 1 on the scale of effects."""
    run = (model, clean, corrupt, METRIC)
    patched = activation_patching(*run, sites=["resid_pre", "resid_post"], controls=0).arrays
    paths = path_patching(*run, readers="logits").arrays["effect"]
    score = edge_attribution(*run, check=0)
    into_logits = score.arrays["score"][:, score.labels["reader"].index("logits")]
    kept = faithfulness_curve(*run, score.arrays["score"], sizes=[0, int(score.arrays["edge"].sum())], draws=0).arrays[
        "faithfulness"
    ]
    return {
        "patched at first": float(patched["resid_pre"][0].sum()),
        "patched at last": float(patched["resid_post"][-1].sum()),
        "attributed": float(attribution_patching(*run, check=0).arrays["resid_pre"][0].sum()),
        "any module": float(patch_points(*run, "blocks.0.resid_pre").arrays["effect"][0]),
        "paths": float(paths.sum()),
        "edges": float(into_logits.sum()),
        "all edges kept": float(kept[-1]),
    }


@pytest.mark.parametrize("apart", [1e-3, 1e-6])
@pytest.mark.parametrize("name", ["gpt2", "qwen3", "nanochat"])
def test_effects_of_all_that_differs_sum_to_one_however_small_the_contrast(name: str, apart: float) -> None:
    model, clean, corrupt = alike(name, apart)
    first_order = 20 * apart  # paths and slopes leave out how the norm changes
    for what, total in sums(model, clean, corrupt).items():
        loose = what in ("attributed", "paths", "edges")
        assert total == pytest.approx(1, abs=1e-3 + (first_order if loose else 0)), what


def test_other_rounding_gives_the_same_effects() -> None:
    model, clean, corrupt = alike("nanochat", 1e-5)
    plain = sums(model, clean, corrupt)
    with other_rounding(model):
        off = sums(model, clean, corrupt)
    for what, total in off.items():
        assert total == pytest.approx(plain[what], abs=1e-4), what


def test_what_is_narrow_is_computed_with_more_digits() -> None:
    model, clean, corrupt = alike("qwen3", 0.1)
    wide = activation_patching(model, clean, corrupt, METRIC).arrays["resid_pre"]
    narrow = activation_patching(model.bfloat16(), clean, corrupt, METRIC).arrays["resid_pre"]
    assert narrow[0].sum() == pytest.approx(1, abs=1e-3)
    assert np.abs(narrow - wide).max() < 0.1  # the weights are rounded, nothing else
    assert model.embed.weight.dtype is torch.bfloat16


def test_no_contrast_but_rounding_is_none() -> None:
    model, clean, corrupt = alike("gpt2", 0.0)
    for trace in (
        activation_patching(model, clean, corrupt, METRIC),
        patch_points(model, clean, corrupt, METRIC, "blocks.0.resid_pre"),
        attribution_patching(model, clean, corrupt, METRIC, check=0),
    ):
        assert trace.meta["scale"] == 1.0
        assert all(np.abs(x).max() < 1e-6 for name, x in trace.arrays.items() if name in ("resid_pre", "effect"))


def test_a_metric_that_takes_no_float64_is_warned_of() -> None:
    model, clean, corrupt = alike("gpt2", 1e-5)
    direction = torch.randn(50)
    for run in (
        lambda metric: activation_patching(model, clean, corrupt, metric),
        lambda metric: patch_points(model, clean, corrupt, metric, "blocks.0.resid_pre"),
    ):
        with pytest.warns(UserWarning, match="nearly the same answer.*rounding may be.*float64"):
            run(lambda logits: logits[:, -1] @ direction)
    assert "resid_pre" in activation_patching(*alike("gpt2", 0.5), lambda logits: logits[:, -1] @ direction).arrays


@pytest.mark.parametrize(
    "metric",
    [
        METRIC,
        log_probability(torch.tensor([3, 2])),
        lambda logits: 1e6 * (logits[:, -1, 3] - logits[:, -1, 4]),
        lambda logits: logits.log_softmax(-1)[..., 3].sum(1),
    ],
)
def test_the_rounding_of_a_metric_is_about_what_float32_does_to_it(metric: Callable[[Tensor], Tensor]) -> None:
    model, clean, corrupt = alike("qwen3", 0.5)
    with torch.no_grad():
        narrow, wide = model(clean), widened(model, torch.float64)(clean)
    off = abs(metric(narrow).double().mean() - metric(wide).mean()).item()
    said = rounding(metric, narrow)
    assert off < said < 3000 * max(off, 1e-9 * abs(metric(wide).mean().item()))
    assert rounding(metric, wide) < 1e-7 * said
    with torch.no_grad():
        found = contrast_of(metric, (narrow, model(corrupt)), (metric(narrow), metric(model(corrupt))))
    assert found.is_steady
    assert abs(found.size) > STEADY * said / 10


def test_a_divergence_from_a_reference_has_a_contrast_too() -> None:
    model, clean, corrupt = alike("nanochat", 1e-2)
    with torch.no_grad():
        metric = kl_divergence(model(clean), position=-1)
    found = activation_patching(model, clean, corrupt, metric).arrays["resid_pre"]
    assert found[0, 2] == pytest.approx(1, abs=1e-3)


def test_steering_that_does_no_more_than_rounding_is_beyond_nothing() -> None:
    model, clean, _ = alike("gpt2", 0.0)
    judge = AtPosition(METRIC.function, 0)
    found = steer(model, clean, torch.ones(16), "blocks.0.resid_pre", judge, scales=[1e-9], positions=[0])
    assert abs(float(found.meta["beyond_random"])) < 1
