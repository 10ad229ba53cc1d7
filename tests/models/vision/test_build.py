"""What holds for every architecture, at every size and norm."""

import pytest
import torch
from tests.models.vision.networks import CONFIGS, inputs, trained

from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig, fitted

BATTERY = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@BATTERY
def test_says_a_number_for_each_output_of_each_input(config: VisionConfig) -> None:
    model = make_model(config)
    assert model(inputs(config)).shape == (3, 4)
    assert model.eval()(inputs(config, 1)).shape == (1, 4)


@BATTERY
def test_every_parameter_has_a_gradient(config: VisionConfig) -> None:
    model = trained(config).train()
    model(inputs(config)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters()), [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]


@BATTERY
def test_the_same_seed_draws_the_same_weights_whatever_torchs_own_generator_did(config: VisionConfig) -> None:
    first = make_model(config, seed=3)
    state = torch.get_rng_state()
    torch.manual_seed(1234)
    second, other = make_model(config, seed=3).state_dict(), make_model(config, seed=4).state_dict()
    torch.set_rng_state(state)
    assert all(torch.equal(value, second[name]) for name, value in first.state_dict().items())
    assert any(not torch.equal(value, other[name]) for name, value in first.state_dict().items())


def test_building_leaves_torchs_own_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    make_model(VisionConfig("tiny_vgg", (3, 64, 64), 10))
    assert torch.equal(before, torch.get_rng_state())


@BATTERY
def test_a_network_without_memory_has_the_shapes_of_one_with_it(config: VisionConfig) -> None:
    with torch.device("meta"):
        model, x = make_model(config), torch.empty(2, *config.shape)
        assert model(x).shape == (2, 4)
    shapes = {name: value.shape for name, value in make_model(config).state_dict().items()}
    assert {name: value.shape for name, value in model.state_dict().items()} == shapes


@BATTERY
def test_what_is_said_of_an_image_does_not_depend_on_its_company_in_evaluation(config: VisionConfig) -> None:
    model, x = trained(config), inputs(config)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[1:2], model(x[1:2]), atol=1e-5, rtol=1e-5)


CALM = {name: config for name, config in CONFIGS.items() if (config.architecture, config.norm) != ("resnet20", "none")}
"""Without a norm the sums of a ResNet's shortcuts grow."""


@pytest.mark.parametrize("config", CALM.values(), ids=CALM)
def test_an_untrained_network_finds_all_classes_about_equally_likely(config: VisionConfig) -> None:
    with torch.no_grad():
        probabilities = make_model(config)(inputs(config)).softmax(1)
    assert (probabilities - 0.25).abs().max() < 0.12


@BATTERY
def test_the_first_child_normalises_and_the_head_is_the_last(config: VisionConfig) -> None:
    model = make_model(config, mean=[0.5] * config.shape[0], std=[0.25] * config.shape[0])
    names = [name for name, _ in model.named_children()]
    assert (names[0], names[-1]) == ("normalise", "head")
    half = torch.full((1, *config.shape), 0.75)
    torch.testing.assert_close(model.normalise(half), torch.ones_like(half))


@BATTERY
def test_no_relu_works_in_place_or_is_used_twice(config: VisionConfig) -> None:
    model, calls = trained(config), {}
    for name, module in model.named_modules():
        assert not getattr(module, "inplace", False)
        module.register_forward_hook(lambda m, i, o, name=name: calls.update({name: calls.get(name, 0) + 1}))
    model(inputs(config))
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("architecture", ["mlp", "tiny_vgg", "resnet20"])
def test_a_network_that_says_a_number_says_it_in_the_targets_unit(architecture: str) -> None:
    shape = (3, 16, 16)
    config = fitted(VisionConfig(architecture=architecture), shape, 1, "number")
    bare, model = make_model(config), make_model(config, target_mean=200.0, target_std=50.0)
    x = torch.rand(4, *shape)
    assert [name for name, _ in model.named_children()][-2:] == ["head", "rescale"]
    torch.testing.assert_close(model.eval()(x), bare.eval()(x) * 50 + 200)


def test_what_is_constant_in_the_training_data_is_0_and_not_infinite() -> None:
    model = make_model(VisionConfig("mlp", (2,), 2), mean=[3.0, 1.0], std=[0.0, 2.0])
    assert model.normalise(torch.tensor([[3.0, 5.0]])).tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        ({"mean": [0.1, 0.2]}, r"mean \(=\[0.1.*must be 3 finite numbers"),
        ({"std": [1.0, -1.0, 1.0]}, r"std \(=.*must be 3 finite numbers, one a channel, none below 0"),
        ({"mean": [0.0, float("nan"), 0.0]}, r"mean \(=.*must be 3 finite numbers"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(statistics: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_model(VisionConfig("mlp", (3,), 2), **statistics)


def test_inputs_of_another_shape_are_refused_with_the_right_one() -> None:
    model = make_model(VisionConfig("tiny_vgg", (3, 64, 64), 10))
    with pytest.raises(ValueError, match=r"inputs have shape \(2, 1, 64, 64\): this network takes \(B, 3, 64, 64\)"):
        model(torch.rand(2, 1, 64, 64))


@pytest.mark.parametrize("missing", ["architecture", "shape", "outputs"])
def test_a_config_that_is_not_decided_is_refused(missing: str) -> None:
    values = {"architecture": "mlp", "shape": (4,), "outputs": 2}
    del values[missing]
    with pytest.raises(ValueError, match=rf"{missing} \(=.*is not decided"):
        make_model(VisionConfig(**values))
