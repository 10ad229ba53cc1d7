"""Orders are said where the figures leave no doubt; every figure has its row, and the page draws them."""

from pathlib import Path
from typing import Any

import pytest

from glassworks.core.files import write_json
from glassworks.core.runs import Run
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.rlhf.rows import NAMES, finding


def figures(**changes: Any) -> dict[str, Any]:
    """Measures of a chain in which everything went as published."""
    one = {"number": 100, "reward": 0.1, "kl": 1.0, "tokens": 9.0, "samples": ["    return\n"] * 2, "nats": 4.0}
    one |= {"seconds": 3.0, "written": 1000.0, "stopped": None}
    wins = {"base": (0.3, 0.2), "sft": (0.5, 0.7), "dpo": (0.7, 1.2), "ppo": (0.65, 1.1), "grpo": (0.7, 1.2)}
    wins |= {"hacked": (0.3, 0.1), "guarded": (0.5, 0.6)}
    found: dict[str, Any] = {
        name: {**one, "win": win, "low": win - 0.05, "high": win + 0.05, "worth": worth}
        for name, (win, worth) in wins.items()
    }
    found["base"] |= {"seconds": None, "written": None}
    found["choices"] = {
        "accuracy": 0.7,
        "held_out": 50,
        "error": 0.06,
        "shorter": 0.5,
        "same_twice": 0.8,
        "better": 0.9,
    }
    path = {"val_kl": [0.5, 1.0], "val_reward": [1.0, 2.0], "val_gold": [1.0, 0.5]}
    found["paths"] = dict.fromkeys(("ppo", "grpo", "hacked", "guarded"), path)
    found["prompts"] = ["def f():\n"] * 2
    for name, change in changes.items():
        found[name] = {**found[name], **change}
    return found


def row(found: Finding, name: str) -> Any:
    return next(one for one in found.rows if one.what == name)


def test_as_published_everything_agrees() -> None:
    made = finding(figures(), quick=False, own_choices=False)
    compared = [one for one in made.rows if one.verdict]
    assert len(compared) == 6
    assert {one.verdict for one in compared} == {"agrees"}


def test_an_order_that_cannot_be_told_has_no_figure() -> None:
    made = finding(figures(ppo={"low": 0.45, "high": 0.6}), quick=False, own_choices=False)
    found = row(made, "PPO is preferred to SFT")
    assert found.ours is None
    assert found.note.endswith("ours cannot be told from a half")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ppo": {"low": 0.3, "high": 0.4}}, "PPO is preferred to SFT"),
        ({"dpo": {"win": 0.5, "low": 0.45, "high": 0.55}}, "DPO does as well as PPO, or better"),
        ({"hacked": {"worth": 1.5}}, "what is wanted falls while the flawed reward is raised"),
        ({"guarded": {"worth": 0.0}}, "a price on distance and a stop rule keep more of it"),
        ({"base": {"low": 0.6, "high": 0.7}}, "SFT is preferred to the base"),
    ],
)
def test_what_came_out_otherwise_is_said(change: dict[str, Any], name: str) -> None:
    assert row(finding(figures(**change), quick=False, own_choices=False), name).verdict == "worse"


def test_a_base_and_choices_of_ones_own_leave_out_what_is_not_known() -> None:
    found = figures(**{name: {"nats": None} for name in NAMES})
    del found["choices"]["same_twice"], found["choices"]["better"]
    names = [one.what for one in finding(found, quick=True, own_choices=True).rows]
    assert not [name for name in names if "held-out text" in name or "makes again" in name]


def test_the_page_shows_what_was_found(tmp_path: Path) -> None:
    folder = tmp_path / "rlhf"
    folder.mkdir()
    Run.create(folder, command=[], reproduction={"name": "rlhf"})
    write_json(folder / "measures.json", figures())
    finding(figures(), quick=False, own_choices=False).save(folder / "finding.json")
    page = write_finding_page(folder).read_text(encoding="utf-8")
    assert "tuned by DPO in 70% (65% to 75%), PPO in 65% (60% to 70%)" in page
    for title in ("Preferred to the fine-tuned model", "Reward against distance", "A flawed reward", "What they write"):
        assert title in page
    assert page.count("<svg") >= 4
    assert "flawed reward, guarded" in page
