import pytest

from glassworks.core.config import from_dict
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import ARCHITECTURES, LEAST, NORMS, OWN, VisionConfig, fitted


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "vgg16"}, r"architecture \(='vgg16'\) must be one of mlp, lenet5, .*, vit"),
        ({"architecture": "vit", "norm": "batch"}, r"norm \(='batch'\) is not possible in vit: take layer"),
        ({"architecture": "lenet5", "width": 8}, r"width \(=8\) is not to be chosen in lenet5: leave it out"),
        ({"architecture": "resnet20", "depth": 3}, r"depth \(=3\) is not to be chosen in resnet20"),
        ({"architecture": "small_vgg", "width": 0}, r"width \(=0\) must be a whole number of at least 1"),
        ({"architecture": "small_vgg", "norm": "group", "width": 12}, r"width \(=12\) must be a multiple of 8"),
        ({"architecture": "vit", "width": 30}, r"width \(=30\) must be a multiple of 4 and of n_head \(=4\)"),
        (
            {"architecture": "vit", "patch": 3, "shape": (1, 28, 28)},
            r"patch \(=3\) must divide 28 × 28: .*divisor of 28",
        ),
        ({"architecture": "vit", "shape": (1, 97, 97)}, r"97 × 97 are cut by no patch .*size=96"),
        ({"architecture": "lenet5", "shape": (1, 64, 64)}, r"64 × 64 are too large for lenet5.*size=32"),
        ({"architecture": "small_vgg", "shape": (30,)}, r"takes images, not rows of 30 features: take mlp"),
        ({"architecture": "small_vgg", "depth": 4, "shape": (1, 8, 8)}, r"small_vgg with depth 4: .* at least 32 × 32"),
        ({"shape": (3, 8)}, r"shape \(=\(3, 8\)\) must be \(channels, rows, columns\) of images or \(features,\)"),
        ({"outputs": 1}, r"outputs \(=1\) must be the number of classes, at least 2"),
        ({"width": "wide"}, r"width \(='wide'\) must be a whole number"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_built_is_refused_in_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        VisionConfig(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("architecture", LEAST)
def test_the_least_size_is_the_least(architecture: str) -> None:
    least = LEAST[architecture]
    make_model(VisionConfig(architecture, (1, least, least + 1 if architecture != "vit" else least), 2))
    with pytest.raises(ValueError, match=rf"too small for {architecture}: give them at least {least} × {least}"):
        VisionConfig(architecture, (1, least - 1, 64), 2)


def test_every_architecture_says_what_can_be_chosen_in_it() -> None:
    assert set(OWN) == set(NORMS) == set(ARCHITECTURES)
    assert all(OWN[name]["norm"] in NORMS[name] for name in ARCHITECTURES)


def test_data_decide_what_was_not_chosen() -> None:
    assert fitted(VisionConfig(), (3, 32, 32), 10).architecture == "small_vgg"
    assert fitted(VisionConfig(), (7,), 1, "number").architecture == "mlp"
    assert fitted(VisionConfig(architecture="vit", width=32), (1, 8, 8), 10) == VisionConfig(
        "vit", (1, 8, 8), 10, width=32
    )


def test_choices_are_checked_before_the_data_are_known_and_sizes_when_they_are() -> None:
    config = VisionConfig(architecture="vit", patch=6)
    assert fitted(config, (3, 96, 96), 10).side_of_patch == 6
    with pytest.raises(ValueError, match=r"patch \(=6\) must divide 28 × 28"):
        fitted(config, (3, 28, 28), 10)


def test_a_config_comes_back_from_json() -> None:
    assert from_dict(VisionConfig, {"architecture": "lenet5", "shape": [1, 28, 28], "outputs": 10}) == VisionConfig(
        "lenet5", (1, 28, 28), 10
    )


@pytest.mark.parametrize(
    ("side", "patch"), [(3, 1), (7, 1), (8, 2), (9, 1), (16, 2), (28, 4), (32, 4), (64, 8), (96, 12), (224, 32)]
)
def test_a_patch_cuts_a_side_into_seven_or_eight_or_nearly_so(side: int, patch: int) -> None:
    assert VisionConfig("vit", (3, side, side), 10).side_of_patch == patch
