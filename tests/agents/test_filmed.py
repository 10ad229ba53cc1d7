"""Clips of agents to choose among, as `glassworks choose AGENT` asks for them."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from glassworks.agents.clips import filmed, preferences_in
from glassworks.agents.opened import OpenedPolicy
from glassworks.cli.main import run
from glassworks.data.choices.comparison import Choice
from glassworks.data.choices.runs import open_store
from glassworks.data.environments.compiled import Compiled
from glassworks.models.policy.config import PolicyConfig
from glassworks.models.policy.network import make_policy


def agent(name: str = "CartPole-v1") -> OpenedPolicy:
    """One that has learned nothing."""
    environments = Compiled(name, 1)
    shape = PolicyConfig(observed=environments.observation.width, actions=environments.actions.width)
    return OpenedPolicy(
        model=make_policy(shape), path=Path("agent"), environment={"name": name}, make=lambda n: Compiled(name, n)
    )


def test_clips_of_one_agent_or_of_several_are_compared_two_by_two() -> None:
    alone = filmed([agent()], 5, seed=0)
    assert len(alone) == 5
    assert len({one.key for one in alone}) == 5
    assert [one.key for one in filmed([agent()], 5, seed=0)] == [one.key for one in alone]
    for one in alone:
        assert one.kind == "clip"
        for option in one.options:
            for frame in option.content["frames"]:
                assert ElementTree.fromstring(frame).tag.endswith("svg")
    assert len(filmed([agent(), agent(), agent()], 4, seed=0)) == 4
    chosen = Choice("a", 1, "ada", "ranked", ((0,),))
    (preference,) = preferences_in([type(alone[0])(alone[0].prompt, alone[0].options, alone[0].origin, 1)], [chosen])
    assert preference.share == 1.0


def test_agents_of_different_environments_are_refused() -> None:
    with pytest.raises(ValueError, match="agents act in CartPole-v1 and Acrobot-v1"):
        filmed([agent(), agent("Acrobot-v1")], 2, seed=0)


@pytest.mark.slow
def test_the_command_lets_one_choose_among_an_agents_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("glassworks.studio.serve.serve", lambda *_, **given: None)
    assert run(["train", "--data", "env:CartPole-v1", "--steps", "2", "--name", "agent", "--quiet"]) == 0
    assert run(["choose", "agent", "--count", "3"]) == 0
    comparisons = open_store("agent-choices").comparisons()
    assert [one.kind for one in comparisons] == ["clip"] * 3
