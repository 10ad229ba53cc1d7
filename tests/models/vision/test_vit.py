import math

import pytest
import torch
from tests.models.vision.networks import inputs, trained

from glassworks.interpret.access.hooks import capture, patch
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.vit import ViT, positions

CONFIG = VisionConfig("vit", (1, 8, 8), 4, width=16, depth=2, patch=2)


@pytest.fixture
def model() -> ViT:
    model = trained(CONFIG)
    assert isinstance(model, ViT)
    return model


def test_the_pattern_can_be_read_and_reading_changes_nothing(model: ViT) -> None:
    x = inputs(CONFIG)
    with torch.no_grad():
        plain = model(x)
        with capture(model, ["blocks.*.attn.pattern", "blocks.*.attn.z", "blocks.*.attn.v"]) as seen:
            assert torch.equal(model(x), plain)
    pattern, v, z = (seen[f"blocks.1.attn.{tap}"] for tap in ("pattern", "v", "z"))
    assert pattern.shape == (3, 4, 16, 16)
    torch.testing.assert_close(pattern.sum(-1), torch.ones(3, 4, 16))
    torch.testing.assert_close(torch.einsum("bhts,bshd->bthd", pattern, v), z)


def test_a_pattern_that_is_written_is_used(model: ViT) -> None:
    x = inputs(CONFIG)
    with torch.no_grad():
        with patch(model, {"blocks.*.attn.pattern": lambda p: torch.full_like(p, 1 / p.size(-1))}):
            even = model(x)
        assert not torch.allclose(even, model(x))


def test_gradients_reach_the_pattern(model: ViT) -> None:
    with capture(model, ["blocks.0.attn.pattern"]) as seen:
        (gradient,) = torch.autograd.grad(model(inputs(CONFIG)).sum(), seen["blocks.0.attn.pattern"])
    assert gradient.abs().sum() > 0


def test_the_residual_stream_is_a_sum_of_what_is_added_to_it(model: ViT) -> None:
    names = ["resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"]
    with torch.no_grad(), capture(model, [f"blocks.0.{name}" for name in names]) as seen:
        model(inputs(CONFIG))
    pre, attention, mid, mlp, post = (seen[f"blocks.0.{name}"] for name in names)
    assert torch.equal(pre + attention, mid)
    assert torch.equal(mid + mlp, post)


def test_a_patch_is_a_square_of_the_image_times_the_same_matrix(model: ViT) -> None:
    x = inputs(CONFIG, 1)
    patches = model.patches
    with torch.no_grad():
        whole = patches(model.normalise(x))
        square = model.normalise(x)[0, :, 2:4, 6:8].flatten()  # second row, last column: patch 1 · 4 + 3
        expected = patches.linear.weight.flatten(1) @ square + patches.linear.bias + patches.position[7]
    torch.testing.assert_close(whole[0, 7], expected)


def test_positions_are_sines_of_columns_then_of_rows() -> None:
    table = positions(2, 3, 8)  # frequencies 1 and 1/10,000
    row, column = 1, 2
    angles = [column, column / 10_000, row, row / 10_000]
    by_hand = [f(a) for pair in (angles[:2], angles[2:]) for f in (math.sin, math.cos) for a in pair]
    torch.testing.assert_close(table[row * 3 + column], torch.tensor(by_hand))
