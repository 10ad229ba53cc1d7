import ast
import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.access.axes import Axes, axes_at, axes_from, describe
from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.access.stream import stream
from glassworks.interpret.causes.steering import mean_difference, steer
from glassworks.interpret.neurons.effects import neuron_ablation
from glassworks.interpret.neurons.examples import neuron_examples
from glassworks.interpret.neurons.features import neuron_features
from glassworks.interpret.neurons.rule_report import rule_report
from glassworks.interpret.neurons.rule_swap import swap_in
from glassworks.interpret.neurons.sae import SAEConfig, fit_sae
from glassworks.interpret.neurons.sae_report import sae_report
from glassworks.interpret.probing.probes import fit_probes
from glassworks.interpret.probing.report import probe
from glassworks.interpret.probing.similarity import similarity
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.intact import intact
from glassworks.models.gpt.model import GPT

B, H, T, D, C = 6, 3, 4, 5, 15  # images, heads, patches, numbers of a head, width
Z = "blocks.0.attn.z"
HEADS_FIRST = "B H T D -> B T (H D)"
IMAGES = torch.randn(B, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class HeadsFirst(nn.Module):
    """Attention whose heads stand before the patches, as in most vision transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.pattern, self.z = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, H, D).permute(2, 0, 3, 1, 4)
        z = self.z(self.pattern((q @ k.transpose(-2, -1) / D**0.5).softmax(-1)) @ v)  # (B, H, T, D)
        return self.proj(z.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn, self.resid = HeadsFirst(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.resid(x + self.attn(x))


class ViT(nn.Module):
    """A vision transformer: patches by a convolution, blocks, the mean patch's scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.patch = nn.Conv2d(3, C, 2, 2)
        self.blocks, self.head = nn.Sequential(Block(), Block()), nn.Linear(C, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(images).flatten(2).transpose(1, 2)  # (B, T, C)
        return self.head(self.blocks(x).mean(1))


class Residual(nn.Module):
    """A block of a residual network: its sum is made by no module."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(channels), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.conv(x)) + x)


@pytest.fixture
def vit() -> ViT:
    return ViT().eval()


@torch.no_grad()
def values(model: nn.Module, point: str) -> Tensor:
    with capture(model, point) as seen:
        model(IMAGES)
    return seen[point]


def images(step: int) -> Tensor:
    return IMAGES


# ----------------------------------------------------------------------------------------------------------------------
# Told, or refused


def test_what_heads_say_of_patches_is_refused_until_it_is_told(vit: ViT) -> None:
    """It was rows of heads, each with all patches' numbers, or of "pixels", as the model has a convolution."""
    with pytest.raises(ValueError, match=r"^blocks.0.attn.z has shape \(6, 3, 4, 5\), and nothing says") as no:
        list(stream(vit, images, Z, steps=1))
    assert "\n" not in str(no.value)
    remedy = re.search(r"(glassworks\S+)\.describe\(model, (\{.*?\})\)", str(no.value))
    assert remedy is not None
    assert remedy[1] == describe.__module__
    describe(vit, ast.literal_eval(remedy[2]))  # what is advised is what helps
    (rows,) = stream(vit, images, Z, steps=1)
    expected = values(vit, Z).transpose(1, 2).reshape(B * T, H * D)
    assert torch.equal(rows.values[Z], expected)
    assert rows.example.tolist() == [i for i in range(B) for _ in range(T)]


def test_one_call_of_a_module_may_be_told_apart() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tap = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.tap(self.tap(x).transpose(1, 2))

    model = Twice()
    describe(model, {"tap#0": "B H T D -> B T (H D)", "tap": "B T H D -> B T (H D)"})
    assert axes_at(model, IMAGES, "tap#0")[4] == axes_from(HEADS_FIRST)
    assert axes_at(model, IMAGES, "tap#1")[4] == Axes((0, 1, 2, 3), 2)
    with pytest.raises(ValueError, match="has values whose axes lie differently, as tap#1: choose one of them"):
        axes_at(model, IMAGES, "tap#*")


@pytest.mark.parametrize("axes", [0, 4, 5, 6])
def test_what_is_advised_fits_as_many_axes(axes: int) -> None:
    model, x = nn.Sequential(nn.Identity()), torch.ones([2] * axes)
    with pytest.raises(ValueError, match="choose another point|nothing says") as no:
        axes_at(model, x, "0")
    if axes:
        remedy = re.search(r"describe\(model, (\{.*?\})\)", str(no.value))
        assert remedy is not None
        describe(model, ast.literal_eval(remedy[1]))
        assert len(axes_at(model, x, "0")[axes].order) == axes


def test_a_mask_does_not_say_which_axes_it_is_of(vit: ViT) -> None:
    """Heads and patches may be as many."""
    keep = torch.zeros(B, T, dtype=torch.bool)
    keep[2, 1] = True
    for mask in (keep, torch.ones(B, H, dtype=torch.bool), torch.ones(B, T, 1, dtype=torch.int64)):
        with pytest.raises(ValueError, match="nothing says which axes are places"):
            list(stream(vit, lambda step, mask=mask: (IMAGES, mask), Z, steps=1))
    describe(vit, {"*.z": HEADS_FIRST})
    (rows,) = stream(vit, lambda step: (IMAGES, keep), Z, steps=1)
    assert torch.equal(rows.values[Z], values(vit, Z)[2, :, 1].reshape(1, -1))
    with pytest.raises(ValueError, match="does not begin with the axes of the mask"):
        list(stream(vit, lambda step: (IMAGES, torch.ones(B, H, dtype=torch.bool)), Z, steps=1))


def test_an_examples_numbers_are_one_row_however_its_axes_lie(vit: ViT) -> None:
    labels = torch.arange(B)[:, None] % 2
    (rows,) = stream(vit, lambda step: (IMAGES, labels), Z, steps=1)
    assert torch.equal(rows.values[Z], values(vit, Z).flatten(1))


def test_sequences_and_matrices_need_no_word(vit: ViT) -> None:
    (rows,) = stream(vit, images, ["blocks.0.resid", "blocks.1.attn"], steps=1)
    assert rows.values["blocks.0.resid"].shape == (B * T, C)
    (rows,) = stream(vit, images, "head", steps=1)
    assert torch.equal(rows.values["head"], vit(IMAGES))


def test_examples_need_not_come_first() -> None:
    model = nn.Sequential(nn.GRU(4, 3), nn.Identity())[:1]
    given = torch.randn(T, B, 4)
    describe(model, {"0:0": "T B C -> B T C"})
    (rows,) = stream(model, lambda step: given, "0:0", steps=1)
    assert torch.equal(rows.values["0:0"], model(given)[0].transpose(0, 1).flatten(0, 1))
    (rows,) = stream(model, lambda step: (given, torch.zeros(B, 1, dtype=torch.int64)), "0:0", steps=1)
    assert torch.equal(rows.values["0:0"], model(given)[0].transpose(0, 1).flatten(1))


def test_what_is_said_later_or_nearer_the_whole_goes_first(vit: ViT) -> None:
    vit.blocks[0].attn.point_axes = {"z": "B H T D -> B H T D"}
    assert axes_at(vit, IMAGES, Z)[4] == Axes((0, 1, 2, 3), 3)
    describe(vit, {"*.z": HEADS_FIRST})
    assert axes_at(vit, IMAGES, Z)[4] == axes_from(HEADS_FIRST)
    describe(vit, {Z: "B H T D -> B (H T D)", "blocks.1.attn:in": "B T C -> B C T"})
    assert axes_at(vit, IMAGES, Z)[4] == Axes((0, 1, 2, 3), 1)
    assert axes_at(vit, IMAGES, "blocks.1.attn.z")[4] == axes_from(HEADS_FIRST)
    assert axes_at(vit, IMAGES, "blocks.1.attn:in")[3] == Axes((0, 2, 1), 2)
    assert axes_at(vit, IMAGES, "blocks.1.attn")[3] == Axes((0, 1, 2), 2)
    assert axes_at(copy.deepcopy(vit), IMAGES, "blocks.1.attn.z")[4] == axes_from(HEADS_FIRST)
    vit.blocks[1] = torch.compile(vit.blocks[1], backend="eager")
    for model in (vit, torch.compile(vit, backend="eager")):
        assert axes_at(model, IMAGES, "blocks.1.attn.z")[4] == axes_from(HEADS_FIRST)


@pytest.mark.parametrize(
    "wrong",
    ["", "B H T D", "B H T D -> B T H", "B H D -> B (H D) E", "B B T -> B T B", "B T -> (B T)", "B T -> B T D", "->"],
)
def test_axes_that_are_no_order_are_refused_where_they_are_said(vit: ViT, wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"axes (={wrong!r}) must be the same on both sides of an arrow")):
        describe(vit, {Z: wrong})
    with pytest.raises(ValueError, match=r"match no module; nearest: blocks.0.attn.z"):
        describe(vit, {"blocks.0.attn.zz": HEADS_FIRST})
    assert not hasattr(vit, "point_axes")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", ["x", None, {Z: ["B"]}, {Z: None}, {1: "B C -> B C"}, [(Z, HEADS_FIRST)]])
def test_what_is_no_dict_of_points_and_their_axes_is_refused_in_one_sentence(vit: ViT, wrong: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"axes (={wrong!r}) must be a dict of points and axes, as ")):
        describe(vit, wrong)
    assert not hasattr(vit, "point_axes")


@pytest.mark.parametrize("pattern", [HEADS_FIRST, "B H T D -> B H T D", "b c h w -> b h w c", "T B C D -> B (T C D)"])
def test_rows_and_back(pattern: str) -> None:
    axes, x = axes_from(pattern), torch.randn(2, 3, 4, 5)
    rows = axes.rows(x)
    assert torch.equal(axes.unlay(rows, x), x)
    assert torch.equal(axes.unlay(axes.lay(x), x), x)
    assert torch.equal(rows.reshape(axes.lay(x).shape), axes.lay(x))
    assert axes.rows(x[:0]).shape[1:] == axes.rows(x).shape[1:] or axes.order[0]


def test_a_number_a_place() -> None:
    axes, x = axes_from("B T -> B T ()"), torch.randn(2, 3)
    assert torch.equal(axes.rows(x), x[..., None])
    assert torch.equal(axes.unlay(x[..., None], x), x)


def test_our_own_attention_says_it_itself() -> None:
    model = GPT(GPTConfig("gpt2", 12, 8, 2, 2, 16))
    tokens = torch.randint(12, (4, 8), generator=torch.Generator().manual_seed(0))
    points = [f"blocks.0.attn.{tap}" for tap in ("q", "k", "v", "z", "pattern")]
    (rows,) = stream(nn.Sequential(model), lambda step: tokens, [f"0.{point}" for point in points], steps=1)
    with torch.no_grad(), capture(model, points) as seen:
        model(tokens)
    for point in points[:4]:
        assert torch.equal(rows.values[f"0.{point}"], seen[point].reshape(32, 16))
    assert torch.equal(rows.values["0.blocks.0.attn.pattern"], seen[points[4]].transpose(1, 2).reshape(32, 16))
    describe(model, {"*.z": "B T H D -> B T H D"})
    describe(model.blocks[1].attn, {"z": "B T H D -> B T H D"})
    assert intact(model)  # generation is as fast as before


# ----------------------------------------------------------------------------------------------------------------------
# Known


def test_a_convolutions_map_is_known_by_the_modules_that_make_or_read_it() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), Residual(4), nn.Identity(), Residual(4), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 2),
    ).eval()  # fmt: skip
    names = ["0", "0:in", "1", "2", "2.conv", "2.norm", "2.relu", "3", "4:in", "4", "4.relu", "5"]
    (rows,) = stream(model, images, [name for name in names if name != "5"], steps=1)
    for name, found in rows.values.items():
        expected = values(model, name)
        assert torch.equal(found, expected.movedim(1, -1).flatten(0, 2)), name
    for name in names:
        assert axes_at(model, IMAGES, name)[4] == Axes((0, 2, 3, 1), 3), name
    assert axes_at(model, IMAGES, "6")[2] == Axes((0, 1), 1)
    assert not model[0]._forward_hooks


def test_sounds_have_their_channels_second_where_convolutions_have_them() -> None:
    model = nn.Sequential(nn.Conv1d(3, 5, 2), nn.GELU(), nn.Flatten(), nn.Linear(5 * 15, 2))
    given = torch.randn(2, 3, 16)
    (rows,) = stream(model, lambda step: given, "1", steps=1)
    assert torch.equal(rows.values["1"], model[:2](given).transpose(1, 2).flatten(0, 1))


def test_a_map_that_was_turned_is_none() -> None:
    """Whatever stands inside the module that turned it, and though its shape is that of the map."""

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.tap = nn.Conv2d(3, 4, 1), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.tap(self.conv(x).permute(0, 2, 3, 1)))

    model = Turned()
    for point in ("", "tap"):
        with pytest.raises(ValueError, match="nothing says which axes are places"):
            list(stream(model, images, point, steps=1))
    (rows,) = stream(model, images, "conv", steps=1)
    assert rows.values["conv"].shape == (B * 16, 4)
    describe(model, {"*": "B H W C -> B H W C"})
    (rows,) = stream(model, images, "tap", steps=1)
    assert torch.equal(rows.values["tap"], model.conv(IMAGES).permute(0, 2, 3, 1).flatten(0, 2))


class Around(nn.Module):
    """A layer, with operations that are no modules before and after it."""

    def __init__(self, layer: nn.Module, after: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.after, self.tap = layer, after, nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.tap(self.after(x, self.layer(x)))


SOUNDS = torch.randn(B, 3, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("model", "given", "point"),
    [
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten(2)), IMAGES, "1"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten(2), nn.ReLU()), IMAGES, "2"),
        (Around(nn.Conv2d(3, 3, 1), lambda x, y: y.flatten(2)), IMAGES, ""),
        (nn.Sequential(nn.Conv1d(3, 3, 1), nn.Softmax(1)), SOUNDS, "1"),
        (Around(nn.Conv1d(3, 3, 1), lambda x, y: x + y), SOUNDS, "tap"),
        (Around(nn.Conv1d(3, 3, 1), lambda x, y: F.relu(y)), SOUNDS, "tap"),
    ],
)
def test_three_axes_that_were_a_maps_are_refused_until_they_are_told(
    model: nn.Module, given: Tensor, point: str
) -> None:
    """There were 3 rows of 16 numbers for an example, one for each channel, without a word."""
    with pytest.raises(ValueError, match=r" has shape \(6, 3, 16\), and nothing says which axes are places: ") as no:
        list(stream(model, lambda step: given, point, steps=1))
    assert "\n" not in str(no.value)
    remedy = re.search(r"describe\(model, (\{.*?\})\)", str(no.value))
    assert remedy is not None
    describe(model, ast.literal_eval(remedy[1]))
    (rows,) = stream(model, lambda step: given, point, steps=1)
    assert torch.equal(rows.values[point], model(given).transpose(1, 2).flatten(0, 1))


def test_sequences_beside_maps_are_known_by_the_modules_that_make_or_read_their_last_axis() -> None:
    class Listener(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.turned, self.norm = nn.Conv1d(3, 8, 3, padding=1), nn.Identity(), nn.LayerNorm(8)
            self.rnn, self.attn = nn.GRU(8, 8, batch_first=True), nn.MultiheadAttention(8, 2, batch_first=True)
            self.resid, self.last, self.drop = nn.Identity(), nn.Linear(8, 8), nn.Dropout()

        def forward(self, x: Tensor) -> Tensor:
            x = self.turned(F.gelu(self.conv(x)).transpose(1, 2))
            x = x + self.rnn(self.norm(x))[0]
            x = self.resid(x + self.attn(x, x, x)[0])
            return self.drop(self.last(x))

    model = Listener().eval()
    points = ["turned", "norm", "rnn:0", "attn:0", "resid", "last", "drop"]
    (rows,) = stream(model, lambda step: SOUNDS, points, steps=1)
    assert {values.shape for values in rows.values.values()} == {(B * 16, 8)}
    assert torch.equal(rows.values["drop"], model(SOUNDS).flatten(0, 1))
    (rows,) = stream(model, lambda step: SOUNDS, "conv", steps=1)
    assert torch.equal(rows.values["conv"], model.conv(SOUNDS).transpose(1, 2).flatten(0, 1))


# ----------------------------------------------------------------------------------------------------------------------
# Whoever uses them


def test_every_method_for_any_module_refuses_and_then_has_the_right_rows(vit: ViT) -> None:
    labels = torch.randint(2, (B, T, 1), generator=torch.Generator().manual_seed(3))
    labelled = lambda step: (IMAGES, labels)  # noqa: E731
    loss = lambda logits, inputs: logits[:, 0]  # noqa: E731
    config = SAEConfig(4, k=2)
    calls = {
        "probes": lambda: fit_probes(vit, labelled, Z, classes=2, steps=1, max_bytes=1 << 20),
        "autoencoder": lambda: fit_sae(vit, images, Z, config, steps=2),
        "similarity": lambda: similarity(vit, images, Z, steps=1),
        "examples": lambda: neuron_examples(vit, IMAGES, IMAGES, Z),
        "ablation": lambda: neuron_ablation(vit, IMAGES, Z, neurons=[0], controls=2, loss=loss),
        "difference": lambda: mean_difference(vit, images, images, Z),
        "steering": lambda: steer(vit, IMAGES, torch.ones(H * D), Z, lambda y: y[:, 0], scales=[1.0]),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=r"blocks.0.attn.z has shape \(6, 3, 4, 5\), and nothing says"):
            call()
            pytest.fail(name)
    describe(vit, {"*.z": HEADS_FIRST})
    found = {name: call() for name, call in calls.items()}
    assert found["autoencoder"].width == H * D
    assert len(found["examples"].labels["neuron"]) == H * D
    places = values(vit, Z).transpose(1, 2).flatten(2)  # (B, T, H D)
    assert found["ablation"].arrays["mean"][0] == pytest.approx(float(places[..., 0].mean()))
    best = places.amax((0, 1))
    assert torch.from_numpy(found["examples"].arrays["activation"][0, :, 0]) == pytest.approx(best, abs=1e-6)


def test_an_ablated_neuron_is_one_heads_number_at_every_patch(vit: ViT) -> None:
    describe(vit, {"*.z": HEADS_FIRST})
    neuron, z = 1 * D + 2, values(vit, Z)
    loss = lambda logits, inputs: logits[:, 0]  # noqa: E731
    found = neuron_ablation(vit, IMAGES, Z, neurons=[neuron], controls=1, loss=loss)
    silenced = z.clone()
    silenced[:, 1, :, 2] = z[:, 1, :, 2].mean()
    with torch.no_grad():
        rise = -vit(IMAGES)[:, 0].mean()
        with patch(vit, {Z: silenced}):
            rise += vit(IMAGES)[:, 0].mean()
    assert found.arrays["effect"][0] == pytest.approx(float(rise), abs=1e-6)


@torch.no_grad()
def test_steering_adds_a_direction_to_every_patch_or_to_some(vit: ViT) -> None:
    describe(vit, {"*.z": HEADS_FIRST})
    direction = torch.randn(H * D, generator=torch.Generator().manual_seed(5))
    by_head = direction.view(H, 1, D)
    metric = lambda logits: logits[:, 0]  # noqa: E731
    for positions in (None, [1, -1]):
        found = steer(vit, IMAGES, direction, Z, metric, scales=[0, 2.0], positions=positions, draws=2)
        edited = values(vit, Z).clone()
        edited[:, :, slice(None) if positions is None else positions] += 2 * by_head
        with patch(vit, {Z: edited}):
            expected = vit(IMAGES)[:, 0].mean()
        assert found.arrays["metric"][0, 1] == pytest.approx(float(expected), abs=1e-5)
        assert found.arrays["metric"][0, 0] == pytest.approx(float(vit(IMAGES)[:, 0].mean()), abs=1e-6)
        assert found.meta["wrong_point"] == "blocks.1.attn.z"


@torch.no_grad()
def test_steering_a_map_moves_its_channels_though_it_is_as_wide_as_they_are_many() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    direction = torch.tensor([1.0, 0, 0, 0])
    found = steer(model, IMAGES, direction, "1", lambda y: y[:, 0], scales=[3.0], draws=2)
    edited = values(model, "1").clone()
    edited[:, 0] += 3
    with patch(model, {"1": edited}):
        assert found.arrays["metric"][0, 0] == pytest.approx(float(model(IMAGES)[:, 0].mean()), abs=1e-5)


def test_an_autoencoders_report_splices_what_it_read(vit: ViT) -> None:
    describe(vit, {"*.z": HEADS_FIRST})
    sae = fit_sae(vit, images, Z, SAEConfig(8, k=4), steps=5)
    loss = lambda model, batch: model(batch).square().mean()  # noqa: E731
    found = sae_report(vit, sae, images, images, Z, loss, fit_steps=2, steps=1)
    z = values(vit, Z)
    spliced = sae(z.transpose(1, 2).flatten(2)).view(B, T, H, D).transpose(1, 2)
    with torch.no_grad(), patch(vit, {Z: spliced}):
        assert found.arrays["loss_spliced"][0] == pytest.approx(float(vit(IMAGES).square().mean()), abs=1e-6)


def test_rules_of_heads_stand_in_their_places() -> None:
    """Six numbers of two heads are what a token is: their trees are right everywhere, and so is what they put there."""

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.z, self.head = nn.Identity(), nn.Linear(6, 5)

        def forward(self, tokens: Tensor) -> Tensor:
            z = self.z(F.one_hot(tokens, 6).float().view(*tokens.shape, 2, 3).transpose(1, 2))  # (B, H, T, D)
            return self.head(z.transpose(1, 2).flatten(2))

    model, tokens = TwoHeads(), torch.randint(6, (60, 4), generator=torch.Generator().manual_seed(0))
    features = F.one_hot(tokens, 6).bool()
    for call in (neuron_features, rule_report):
        with pytest.raises(ValueError, match=r"^z has shape \(\d+, 2, 4, 3\), and nothing says"):
            call(model, tokens, features, "z")
    describe(model, {"z": HEADS_FIRST})
    means = neuron_features(model, tokens, features, "z").arrays["firing_mean"][0]
    assert np.array_equal(means, np.eye(6))
    report = rule_report(model, tokens, features, "z", depth=1)
    assert report.arrays["r2"][0, 0] == pytest.approx(1)
    swapped = swap_in(model, tokens, features, report)
    assert swapped.arrays["num_replaced"] == [6]
    assert swapped.arrays["kl"][1, 0] == pytest.approx(0, abs=1e-6)
    assert swapped.arrays["kl"][3, 0] > 1e-3


def test_probes_of_patches_are_read_in_their_own_rows(vit: ViT) -> None:
    """A label that one number of a head holds, at each patch, is read without error; of other rows it is not."""
    describe(vit, {"*.z": HEADS_FIRST})
    z = values(vit, Z)
    labels = (z[:, 1, :, 2] > z[:, 1, :, 2].median()).long()[..., None]
    batches = lambda step: (IMAGES, labels)  # noqa: E731
    report = probe(vit, batches, batches, Z, classes=2, steps=1, held_out_steps=1)
    assert report.arrays["accuracy"][0].mean() > 0.9
