"""The chain is whole on a tiny model, goes on where it was stopped, and refuses what it cannot use."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.errors import RunError
from glassworks.models.gpt.config import GPTConfig
from glassworks.reproductions.rlhf import sizes
from glassworks.reproductions.rlhf.chain import NAMES
from glassworks.reproductions.rlhf.run import planned, run
from glassworks.tune import run as tuning

TINY = dataclasses.replace(
    sizes.QUICK,
    minutes=None,
    base_steps=20,
    sft_steps=20,
    pairs=64,
    reward_steps=4,
    dpo_steps=4,
    judged=12,
    general=512,
    shape=GPTConfig("gpt2", n_ctx=96, n_layer=1, n_head=2, n_embd=16),
    tokenizer="bytes",
    batch_size=16,
    group=4,
    max_tokens=12,
)


@pytest.fixture
def sources(tmp_path: Path) -> str:
    """Python sources with some short functions."""
    for number in range(6):
        text = "".join(
            f"def f{number}_{i}(x):\n    y = x + {i}\n    return y\n\n\ndef g{number}_{i}(x):\n    print(x)\n\n\n"
            for i in range(20)
        )
        (tmp_path / f"m{number}.py").write_text(text, encoding="utf-8")
    return f"{tmp_path}/*.py"


@pytest.mark.slow
def test_stopped_anywhere_it_goes_on_to_the_same_figures(
    sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "QUICK", TINY)
    whole = run(sources, quick=True, folder=tmp_path / "whole")
    assert {name for name in NAMES if (tmp_path / "whole" / name / "run.json").is_file()} == set(NAMES)
    assert (tmp_path / "whole" / "choices.sqlite").is_file()
    tune, begun = tuning.tune, list[str]()

    def stopped(one: Any, **how: Any) -> bool:
        begun.append(one.path.name)
        return one.path.name != "ppo" and tune(one, **how)

    monkeypatch.setattr(tuning, "tune", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(sources, quick=True, folder=tmp_path / "broken")
    assert begun == ["sft", "reward", "dpo", "ppo"]
    monkeypatch.setattr(tuning, "tune", tune)
    again = run(sources, quick=True, folder=tmp_path / "broken")

    def figures(found: Any) -> list[Any]:
        return [(row.what, row.ours) for row in found.rows if not row.what.startswith("training time")]

    assert figures(again) == figures(whole)
    with pytest.raises(RunError, match="was begun with other settings"):
        run(sources, quick=True, folder=tmp_path / "whole", seed=1)


def test_ppo_and_grpo_write_as_many_completions_as_stand_in_the_choices() -> None:
    for size in (sizes.QUICK, sizes.FULL, planned(sizes.FULL, 10)):
        assert size.rollouts * size.batch_size == 2 * size.pairs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, r"steps \(=0\) must be at least 1"),
        ({"seed": -1}, r"seed \(=-1\) must be at least 0"),
        ({"choices": "missing.sqlite"}, r"choices \(='missing.sqlite'\) is no file"),
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        run(folder=tmp_path / "r", **change)
    assert not (tmp_path / "r").exists()
