"""The table of kinds names what there is."""

import importlib

import pytest

from glassworks.cli.main import COMMANDS
from glassworks.core.kinds import KINDS, Kind
from glassworks.reproductions import REPRODUCTIONS


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_opens_it_and_its_commands_are_there(kind: Kind) -> None:
    assert {command.split()[0] for command in kind.commands} <= set(COMMANDS)
    if kind.opens is not None:
        module, name = kind.opens.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_every_reproduction_is_a_kind() -> None:
    assert set(REPRODUCTIONS) < set(KINDS)


def test_a_refusal_names_the_commands_that_can() -> None:
    assert Kind("a run of x", ("draw",)).refusal("sample") == "sample cannot use it, but draw can"
    assert Kind("a run of x", ("a", "b", "c")).refusal("d") == "d cannot use it, but a, b and c can"
