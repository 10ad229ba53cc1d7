"""A tuning learns what its examples show, and ends with the same weights however often it is stopped on the way."""

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import on_ranks
from tests.tune.models import echoes, preferred, rows_file, small_base

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.evaluate.loss import split_loss
from glassworks.evaluate.tuning.run import evaluate_tuned
from glassworks.evaluate.tuning.verdict import conclusions
from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.adapters.peft import load_adapter
from glassworks.models.io import load_model, read_tensors, save_model
from glassworks.optim.config import OptimizerConfig
from glassworks.pretraining.run import corpus_of_run, model_of
from glassworks.train.checkpoint import complete_checkpoints, save_checkpoint
from glassworks.train.distributed import ranks
from glassworks.train.opening import OpenedText, open_run, open_text
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import start, tune


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuning")


@pytest.fixture(scope="module")
def base(root: Path) -> Run:
    return small_base(root)


@pytest.fixture
def recipe(root: Path, base: Run) -> TuneRecipe:
    data = rows_file(root / "echoes.jsonl", echoes())
    return TuneRecipe(start_from=str(base.path), data=data, steps=24, checkpoint_every=4, device="cpu")


def weights(run: Run) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def rows(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in run.rows("metrics")]


def test_learns_its_examples_and_says_what_it_forgot(root: Path, base: Run, recipe: TuneRecipe) -> None:
    run = start(root / "runs" / "learns", dataclasses.replace(recipe, steps=60), ["glassworks", "tune"])
    assert run.record["parent"] == str(base.path.resolve())
    assert run.record["parent_step"] == 40
    assert tune(run)
    assert run.is_trained
    result = evaluate_tuned(run)
    corpus = corpus_of_run(base)
    (gain,), (forgot,) = result["gain"], result["forgetting"]
    assert gain["after"] < gain["before"] - 0.5
    assert gain["is_sure"]
    assert forgot["text"] == "the text held out by base"
    assert forgot["before"] == pytest.approx(split_loss(model_of(base), corpus.val, batch_size=8).nats_per_token)
    assert forgot["after"] == pytest.approx(split_loss(open_text(run).model, corpus.val, batch_size=8).nats_per_token)
    assert result["moved"]["tensors"] == 1.0
    opened = open_run(run)
    assert isinstance(opened, OpenedText)
    assert opened.data.val.num_documents == len(opened.data.val.num_bytes) == run.record["tuning"]["held_out"]
    assert run.rows("samples")[-1]["step"] == 60


@pytest.mark.parametrize("kind", ["none", "lora", "dora"])
def test_killed_as_it_saves_it_ends_with_the_same_weights_rows_and_samples(
    root: Path, recipe: TuneRecipe, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    adapter = AdapterConfig(kind, dropout=0.0 if kind == "none" else 0.1)
    full = dataclasses.replace(recipe, ema=0.9, accumulate=2, clip=1.0, adapter=adapter)
    whole, broken = (start(root / "runs" / f"{name}-{kind}", full, []) for name in ("whole", "broken"))
    torch.manual_seed(1)  # of dropout, as the command seeds it
    assert tune(whole)
    torch.manual_seed(1)
    for kill, kept in ((12, 11), (24, 24)):

        def killed(run: Run, step: int, *rest: Any, kill: int = kill, kept: int = kept) -> None:
            if step <= kept:
                save_checkpoint(run, step, *rest)
            if step >= kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(broken)
        assert isinstance(open_run(broken), OpenedText)  # of its checkpoint
    monkeypatch.undo()
    assert tune(broken)
    assert weights(whole) == weights(broken)
    assert rows(whole) == rows(broken)
    assert whole.rows("samples") == broken.rows("samples")


def test_an_adapter_alone_is_trained_and_the_model_kept_is_whole(root: Path, base: Run, recipe: TuneRecipe) -> None:
    lora = dataclasses.replace(recipe, adapter=AdapterConfig("lora", r=4), steps=60)
    run = start(root / "runs" / "adapter", lora, [])
    assert tune(run)
    result = evaluate_tuned(run)
    assert result["gain"][0]["after"] < result["gain"][0]["before"] - 0.5
    before, after = model_of(base), open_text(run).model
    assert torch.equal(before.embed.weight, after.embed.weight)
    assert after.head.weight is after.embed.weight
    unmerged = load_adapter(before, run.path / "adapter")
    tokens = torch.arange(40)[None]
    assert torch.allclose(unmerged(tokens), after(tokens), atol=1e-5)
    names = read_tensors(complete_checkpoints(run)[-1] / "model.safetensors").keys()
    assert {name.rpartition(".")[2] for name in names} == {"lora_a", "lora_b"}  # the rest need not be written again
    with pytest.raises(ValueError, match="is an adapter for other weights"):
        load_adapter(open_text(run).model, run.path / "adapter")


def test_a_model_that_has_not_moved_is_called_so(root: Path, recipe: TuneRecipe) -> None:
    still = dataclasses.replace(recipe, optimizer=OptimizerConfig("adamw", lr=0.0), steps=2)
    run = start(root / "runs" / "still", still, [])
    assert tune(run)
    result = evaluate_tuned(run)
    assert result["moved"] == {"tensors": 0.0, "relative": 0.0}
    assert conclusions(result)[0].startswith("No weight has moved")


def ranks_tune(root: Path, recipe: TuneRecipe, name: str) -> None:
    with ranks(torch.device("cpu")) as place:
        assert tune(start(root / "runs" / name, recipe, [], place), ranks=place)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "kind"), [("sft", "none"), ("dpo", "lora"), ("reward", "none")])
def test_two_ranks_tune_as_one_does(root: Path, recipe: TuneRecipe, method: str, kind: Any) -> None:
    rows = echoes() if method == "sft" else preferred()
    data, plain = rows_file(root / f"{method}.jsonl", rows), OptimizerConfig("sgd", lr=0.02)
    both = dataclasses.replace(
        recipe, method=method, data=data, adapter=AdapterConfig(kind), steps=6, optimizer=plain
    )  # AdamW makes much of the rounding of gradients that are nearly 0
    on_ranks(2, ranks_tune, root, both, f"{method}-2")
    on_ranks(1, ranks_tune, root, both, f"{method}-1")
    runs = [Run(root / "runs" / f"{method}-{n}") for n in (1, 2)]
    one, two = (read_tensors(run.path / "model" / "model.safetensors") for run in runs)
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_a_run_goes_on_though_its_file_of_examples_is_gone(root: Path, recipe: TuneRecipe) -> None:
    data = rows_file(root / "passing.jsonl", echoes(30))
    run = start(root / "runs" / "passing", dataclasses.replace(recipe, data=data, steps=4), [])
    Path(data).unlink()
    assert tune(run)


def test_a_finished_run_is_used_though_what_it_started_from_is_gone(root: Path, base: Run, recipe: TuneRecipe) -> None:
    folder = root / "gone"
    save_model(load_model(base.path / "model"), folder, base.path / "model" / "tokenizer.json")
    run = start(root / "runs" / "orphan", dataclasses.replace(recipe, start_from=str(folder), steps=2), [])
    assert tune(run)
    shutil.rmtree(folder)
    assert open_text(run).data.train.num_documents == run.record["tuning"]["train"]


def test_another_model_in_the_place_of_the_first_is_refused(root: Path, base: Run, recipe: TuneRecipe) -> None:
    folder = root / "elsewhere"
    save_model(load_model(base.path / "model"), folder, base.path / "model" / "tokenizer.json")
    run = start(root / "runs" / "swapped", dataclasses.replace(recipe, start_from=str(folder), steps=4), [])
    other = load_model(base.path / "model")
    other.norm.weight.data += 1
    save_model(other, folder, base.path / "model" / "tokenizer.json")
    with pytest.raises(RunError, match="has other weights than when"):
        tune(run)


def test_a_method_refuses_examples_of_another_form(root: Path, recipe: TuneRecipe) -> None:
    data = rows_file(root / "prompts.jsonl", [{"prompt": "a"}, {"prompt": "b"}])
    with pytest.raises(ValueError, match=r"method \(='sft'\) learns from text or completion or messages, .* prompt"):
        start(root / "runs" / "refused", dataclasses.replace(recipe, data=data), [])
