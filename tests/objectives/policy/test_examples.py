"""What docstrings of losses on policies and preferences show is what comes out."""

import doctest
import importlib
import pkgutil

import pytest
import torch

import glassworks.objectives.policy as policy
import glassworks.objectives.preferences as preferences

MODULES = [
    f"{room.__name__}.{module.name}" for room in (policy, preferences) for module in pkgutil.iter_modules(room.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_come_out(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, extraglobs={"torch": torch}, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted or name.rpartition(".")[2] in ("rloo", "grpo")  # whose parts have theirs
