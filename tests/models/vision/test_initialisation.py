"""The schemes of initialisation in networks for images and tables."""

import pytest
import torch
from tests.models.vision.networks import inputs

from glassworks.models.initialisation.names import SCHEMES
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.files import load_vision, save_vision

CONFIGS = {
    "mlp": VisionConfig("mlp", (6,), 3, width=16),
    "lenet5": VisionConfig("lenet5", (1, 28, 28), 3),
    "small_vgg": VisionConfig("small_vgg", (1, 8, 8), 3, width=8),
    "resnet20": VisionConfig("resnet20", (1, 8, 8), 3, width=8, norm="none"),
    "vit": VisionConfig("vit", (1, 8, 8), 3, width=16),
}


def drawn(architecture: str, scheme: str | None, seed: int = 0, **given: object) -> torch.nn.Module:
    config = CONFIGS[architecture]
    return make_model(VisionConfig(**{**vars(config), "initialisation": scheme}), seed=seed, **given)


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_draws_every_architecture_by_its_seed(scheme: str, architecture: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (drawn(architecture, scheme, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())
    assert make_model(CONFIGS[architecture])(inputs(CONFIGS[architecture])).isfinite().all()


def test_lsuv_scales_by_the_inputs_it_is_given() -> None:
    x = 0.1 + 0.05 * inputs(CONFIGS["small_vgg"], 64)
    model = drawn("small_vgg", "lsuv", inputs=x)
    with torch.no_grad():
        assert model(x).var().item() == pytest.approx(1, abs=0.05)
        assert drawn("small_vgg", "lsuv")(x).var().item() != pytest.approx(1, abs=0.05)


def test_fixup_lets_a_resnet_without_norms_begin_at_its_shortcuts() -> None:
    model, x = drawn("resnet20", "fixup"), inputs(CONFIGS["resnet20"])
    block = model.stage1.block2
    a = torch.rand(2, 8, 8, 8)
    with torch.no_grad():
        assert torch.equal(block(a), a)
        assert not model(x).any()


def test_a_folder_says_how_its_weights_were_drawn(tmp_path) -> None:
    model = drawn("mlp", "mup")
    save_vision(model, tmp_path / "m", classes=("a", "b", "c"), preprocessing={})
    opened = load_vision(tmp_path / "m")
    assert opened.config.initialisation == "mup"
    x = inputs(CONFIGS["mlp"])
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(x), model.eval()(x))


def test_mup_is_he_at_the_architectures_own_width_but_for_the_head() -> None:
    wide, own = (make_model(VisionConfig("mlp", (6,), 3, width=w, initialisation="mup")) for w in (1024, None))
    assert wide.head.weight.std().item() == pytest.approx(own.head.weight.std().item() / 4, rel=0.1)
    assert wide.linear2.weight.std().item() == pytest.approx(own.linear2.weight.std().item() / 2, rel=0.1)


@pytest.mark.usefixtures("unchecked")
def test_a_scheme_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"initialisation \(='xavier'\) must be .*glorot"):
        VisionConfig("mlp", (6,), 3, initialisation="xavier")
