"""A policy's page holds its rewards against its distance, says why it stopped, and where nothing was learned."""

from pathlib import Path
from typing import Any

from glassworks.core.runs import Run
from glassworks.draw.markup import join
from glassworks.report.contents import read_contents
from glassworks.report.policy_curves import of_policy, over_optimisation


def contents(folder: Path, rows: list[dict[str, Any]], **record: Any) -> Any:
    run = Run.create(folder, kind="tuned", command=[], recipe={"method": "grpo"}, **record)
    for row in rows:
        run.append("metrics", row)
    return read_contents(run)


def look(step: int, **more: float) -> dict[str, float]:
    return {"step": step, "loss": 0.0, "lr": 1.0, "seconds": 1.0, "flat_groups": 0.9} | more


def test_rewards_stand_against_the_distance_in_the_order_of_steps(tmp_path: Path) -> None:
    looks = [look(i, val_kl=kl, val_reward=i, val_reward_se=0.1, val_gold=-i) for i, kl in enumerate((0.0, 2.0, 1.0))]
    found = contents(tmp_path / "r", looks, stopped="after step 2: enough")
    learned, gold = over_optimisation(found)
    assert list(learned.lines[0].x) == [0, 2, 1]
    assert list(learned.lines[0].y) == [0, 1, 2]
    assert list(gold.lines[0].y) == [0, -1, -2]
    said = str(join(list(of_policy(found))))
    assert "It stopped after step 2: enough." in said
    assert "In 90% of the groups all completions got the same reward" in said
    assert said.count('<figure class="chart"') == 2


def test_another_tuning_has_none(tmp_path: Path) -> None:
    assert list(of_policy(contents(tmp_path / "r", [look(1)]))) == []
