"""An agent at the command line: trained by one, measured, asked, listed and shown by others."""

import json
from pathlib import Path

import pytest

from glassworks.cli.main import run

TRAIN = ["train", "--data", "env:CartPole-v1", "--method", "actor_critic", "--n-envs", "8", "--steps", "60", "--quiet"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agents")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*TRAIN, "--name", "cart"]) == 0
    return folder


def test_it_is_trained_measured_and_shown(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    result = json.loads((trained / "runs" / "cart" / "evals" / "return.json").read_text())
    assert result["episodes"] == 100
    assert [rival["name"] for rival in result["rivals"]] == ["at random", "one action", "a rule", "drawn"]
    at_random = result["rivals"][0]["metrics"]["return"]
    assert at_random["low"] < 22.3 < at_random["high"] + 2  # what is known of random actions in CartPole
    page = (trained / "runs" / "cart" / "report.html").read_text()
    assert "animateTransform" in page
    assert "Against chance and a rule" in page
    assert run(["eval", "cart"]) == 0
    assert "a rule: push to where the pole falls" in capsys.readouterr().out
    assert run(["runs"]) == 0
    assert "return" in capsys.readouterr().out


def test_it_says_what_it_does_where_it_stands(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    Path("states.csv").write_text("x,speed,pole,spin\n0,0,0.2,0.5\n0,0,-0.2,-0.5\n", encoding="utf-8")
    assert run(["predict", "cart", "states.csv", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["file"] for row in rows] == ["states.csv:2", "states.csv:3"]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in rows)
    assert rows[0]["action"] in ("left", "right")
    Path("short.csv").write_text("1,2\n", encoding="utf-8")
    assert run(["predict", "cart", "short.csv", "states.csv"]) == 2
    told = capsys.readouterr()
    assert "short.csv, line 1, has 2 numbers, and 4 are observed" in told.err
    assert "worth" in told.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--data", "env:CartPol-v1"], "did you mean CartPole-v1"),
        (["train", "--data", "env:Pendulum-v1", "--method", "dqn"], "take ppo"),
        (["train", "--data", "env:Cliff", "--method", "sarsa", "--epochs", "2"], "is nothing that sarsa takes"),
        (["eval", "cart", "--data", "digits"], "is not for an agent"),
        (["predict", "cart", "--text", "left"], "is for pairs of texts"),
        (["sample", "cart"], "is a run of an agent"),
    ],
)
def test_mistakes_are_one_line(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    pytest.importorskip("gymnasium")
    monkeypatch.chdir(trained)
    assert run(words) != 0
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_the_flags_are_those_of_agents(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["train", "--data", "env:Cliff", "--help"])
    told = capsys.readouterr().out
    assert "--method" in told
    assert "--n-envs" in told
    assert "--target" not in told.replace("--target-every", "")
