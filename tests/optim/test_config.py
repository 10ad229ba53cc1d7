import inspect
import subprocess
import sys

import pytest
import torch
from torch import nn

from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.config import TAKEN, OptimizerConfig, settings_of
from glassworks.optim.groups import make_optimizer


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def test_a_name_may_have_hyphens() -> None:
    assert OptimizerConfig("openai-es") == OptimizerConfig("openai_es")


@pytest.mark.parametrize(
    ("name", "hint"), [("sdg", "did you mean sgd?"), ("adam", "did you mean adamw?"), ("xyz", "optimizers lists them")]
)
def test_a_name_that_is_none_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(
        ValueError, match=rf"optimizer.name \(='{name}'\) is no optimizer: .*{hint}".replace("?", r"\?")
    ):
        OptimizerConfig(name)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (OptimizerConfig("sgd", betas=(0.9, 0.99)), r"betas .* sgd takes: .*\(it takes lr, weight_decay, momentum\)"),
        (OptimizerConfig("adamw", population=8), r"population \(=8\) is nothing that adamw takes"),
        (
            OptimizerConfig("openai_es", embedding_lr=0.1),
            r"embedding_lr .*\(it takes lr, sigma, population, weight_decay\)",
        ),
    ],
)
def test_what_a_method_does_not_take_is_refused_by_name(config: OptimizerConfig, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_optimizer(mlp(), config)


@pytest.mark.parametrize("name", sorted(METHODS.keys() - TAKEN.keys()))
def test_settings_that_are_read_off_a_source_are_those_of_its_class(name: str) -> None:
    given = inspect.signature(method_class(name).__init__).parameters.values()
    expected = {one.name: one.default for one in given if one.kind is one.KEYWORD_ONLY}
    assert settings_of(name) == expected
    assert "seed" in expected


def test_what_is_said_reaches_the_method() -> None:
    made = make_optimizer(mlp(), OptimizerConfig("openai_es", lr=0.3, sigma=0.2, population=6), seed=5)
    group = made.param_groups[0]
    assert [group[name] for name in ("lr", "sigma", "population", "seed")] == [0.3, 0.2, 6, 5]


def test_sgd_is_nesterovs_and_only_matrices_decay() -> None:
    first, second = make_optimizer(mlp(), OptimizerConfig("sgd", weight_decay=0.1)).param_groups
    assert first["nesterov"]
    assert (first["lr"], first["momentum"], first["weight_decay"]) == (0.05, 0.95, 0.1)
    assert (len(first["params"]), len(second["params"]), second["weight_decay"]) == (2, 2, 0.0)
    assert not make_optimizer(mlp(), OptimizerConfig("sgd", momentum=0.0)).param_groups[0]["nesterov"]


def test_settings_are_known_without_torch() -> None:
    code = (
        "import sys; from glassworks.optim.catalogue import METHODS; from glassworks.optim.config import settings_of; "
        "[settings_of(name) for name in METHODS]; assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("name", "own"), [("muon", 0.95), ("sgd", 0.95), ("feedback_alignment", 0.9)])
def test_a_momentum_that_is_said_is_taken_whichever_it_is_and_else_the_methods_own(name: str, own: float) -> None:
    assert settings_of(name)["momentum"] == own
    for said, expected in ((None, own), (0.95, 0.95), (0.9, 0.9), (0.0, 0.0)):
        groups = make_optimizer(mlp(), OptimizerConfig(name, momentum=said)).param_groups
        assert next(group["momentum"] for group in groups if "momentum" in group) == expected
