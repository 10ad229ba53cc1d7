"""The best weights of a training, by its validation split."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start, train
from glassworks.core.runs import Run
from glassworks.train import best
from glassworks.train.fit import Every

SCORES = {5: 0.9, 10: 0.4, 15: 0.7, 20: 0.8}
COMMAND = ["glassworks", "train"]


def begun(path: Path, **changes: Any) -> Run:
    recipe = LabelledRecipe(data="moons:300", steps=20, eval_every=5, checkpoint_every=4, device="cpu", **changes)
    return start(path, recipe, COMMAND)


def watch(examples: object, judged: nn.Module, often: object) -> Every:
    def evaluate(step: int, _: nn.Module) -> dict[str, float]:
        seen[step] = {name: tensor.clone() for name, tensor in judged.state_dict().items()}
        return {"val_loss": SCORES[step]}

    return [(5, evaluate)]


seen: dict[int, dict[str, torch.Tensor]] = {}


def same(run: Run, step: int) -> bool:
    kept = load_file(run.path / "model" / "model.safetensors")
    return all(torch.equal(kept[name], tensor) for name, tensor in seen[step].items())


def test_the_best_weights_are_kept_and_named(tmp_path: Path) -> None:
    run = begun(tmp_path / "a")
    assert train(run, watch=watch)
    assert run.record["kept"] == {"step": 10, "score": 0.4}
    assert same(run, 10)
    assert not same(run, 20)
    assert [file.name for file in (run.path / "best").iterdir()] == ["step_000010.safetensors"]


def test_the_last_ones_are_kept_where_the_recipe_says_so_or_nothing_was_judged(tmp_path: Path) -> None:
    run = begun(tmp_path / "a", keep="last")
    assert train(run, watch=watch)
    assert same(run, 20)
    assert "kept" not in run.record
    plain = begun(tmp_path / "b")
    assert train(plain)
    assert same(plain, 20)


@pytest.mark.parametrize("kill", [10, 11, 15])
def test_killed_beside_the_best_step_it_keeps_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: int
) -> None:
    class Killed(BaseException):
        pass

    def killing(examples: object, judged: nn.Module, often: object) -> Every:
        def die(step: int, _: nn.Module) -> dict[str, float]:
            if step == kill:
                raise Killed
            return {}

        return [*watch(examples, judged, often), (1, die)]

    run = begun(tmp_path / "a")
    with pytest.raises(Killed):
        train(run, watch=killing)
    assert train(run, watch=watch)
    assert run.record["kept"] == {"step": 10, "score": 0.4}
    assert same(run, 10)


def test_numbers_are_judged_by_their_rmse_and_what_is_no_number_never_wins() -> None:
    assert best.score_of({"val_rmse": 2.0}) == 2.0
    assert best.score_of({"val_loss": float("nan")}) == float("inf")
    assert best.score_of({"loss": 1.0}) == float("inf")
