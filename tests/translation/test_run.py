"""A training on pairs ends with the same weights, however often it is stopped on the way."""

import dataclasses
import hashlib
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import on_ranks, processes

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.objectives.losses import pair_loss
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.train.checkpoint import last_step, save_checkpoint
from glassworks.train.distributed import Ranks, ranks
from glassworks.train.opening import OpenedPairs, open_run, open_text
from glassworks.translation.pairs import pairs_of_run
from glassworks.translation.recipe import PairRecipe, pair_recipe_of
from glassworks.translation.run import fitted, pair_work, start, train
from glassworks.translation.translate import translate, translator

COMMAND = ["glassworks", "train"]
SMALL = Seq2SeqConfig(n_ctx=64, n_layer=1, n_head=2, n_embd=16)
PLAIN = PairRecipe(data="dates:300", tokenizer="bpe:300", model=SMALL, steps=24, batch_size=8, device="cpu", test=0.2)
FULL = dataclasses.replace(PLAIN, ema=0.9, accumulate=2, clip=1.0, eval_every=5, checkpoint_every=3, seed=5)


def weights(run: Run) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def rows(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in run.rows("metrics")]


@pytest.mark.parametrize("recipe", [PLAIN, FULL], ids=["plain", "full"])
def test_killed_as_it_saves_it_ends_with_the_same_weights_rows_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: PairRecipe
) -> None:
    whole, broken = (start(tmp_path / name, recipe, COMMAND) for name in ("whole", "broken"))
    torch.manual_seed(1)  # of the dropout, as the command seeds it
    assert train(whole)
    torch.manual_seed(1)
    for kill, kept in ((12, 11), (24, 24)):

        def killed(run: Run, step: int, *rest: Any, kill: int = kill, kept: int = kept) -> None:
            if step <= kept:
                save_checkpoint(run, step, *rest)
            if step >= kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train(broken)
        assert isinstance(open_run(broken), OpenedPairs)  # of its checkpoint
    monkeypatch.undo()
    assert train(broken)
    assert weights(whole) == weights(broken)
    assert rows(whole) == rows(broken)
    assert whole.rows("samples") == broken.rows("samples")


@pytest.mark.slow
def test_killed_at_random_instants_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = dataclasses.replace(FULL, steps=90, model=dataclasses.replace(SMALL, dropout=0.1))
    whole, broken = (start(tmp_path / name, recipe, COMMAND) for name in ("whole", "broken"))
    first = processes.Process(target=seeded, args=(whole,))  # in a process as the other's, with its threads
    first.start()
    first.join()
    instants, reached = random.Random(0), 0
    for _ in range(3):
        child = processes.Process(target=seeded, args=(broken,))
        child.start()
        while child.is_alive() and last_step(broken) < reached + 6:
            time.sleep(0.002)
        time.sleep(instants.uniform(0, 0.1))
        child.kill()
        child.join()
        reached = last_step(broken)
    assert reached >= 18
    seeded(broken)
    assert weights(whole) == weights(broken)
    assert rows(whole) == rows(broken)


def seeded(run: Run) -> None:
    """Train, with the dropout's seed as the command sets it."""
    torch.manual_seed(1)
    train(run)


def test_a_run_is_complete_and_opens_with_its_tokenizer_and_pairs(tmp_path: Path) -> None:
    run = start(tmp_path / "a", PLAIN, COMMAND)
    with pytest.raises(RunError, match="neither a model nor a checkpoint"):
        open_run(run)
    assert train(run)
    assert run.is_trained
    record, pairs = run.record, pairs_of_run(run)
    assert record["kind"] == "pairs"
    assert record["recipe"]["model"]["vocab_size"] == pairs.tokenizer.vocab_size
    assert record["pairs"]["train"] == len(pairs.train)
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    assert opened.data.digest == pairs.digest
    assert opened.model.config.end_id == opened.tokenizer.eot == pairs.end_id
    sample = run.rows("samples")[-1]
    assert sample.keys() == {"step", "prompt", "text", "is"}
    for named, said in ((run, "is a run of pairs of texts"), (str(run.path / "model"), "is an encoder-decoder")):
        with pytest.raises(RunError, match=f"{said}: it has no GPT"):
            open_text(named)


def test_it_learns_a_cipher_whose_answers_are_known(tmp_path: Path) -> None:
    cipher = str.maketrans("abcdefgh", "bcdefgha")
    texts = [f"{a}{b}{c}{d}" for a in "abcdefgh" for b in "abcdefgh" for c in "abcd" for d in "abcd"]
    (tmp_path / "a.tsv").write_text("".join(f"{text}\t{text.translate(cipher)[::-1]}\n" for text in texts))
    recipe = PairRecipe(
        data=str(tmp_path / "a.tsv"),
        tokenizer="chars",
        model=dataclasses.replace(SMALL, n_embd=32, dropout=0.0),
        optimizer=OptimizerConfig("adamw", lr=0.004),
        schedule=ScheduleConfig(warmup=20),
        steps=250,
        batch_size=32,
        device="cpu",
    )
    run = start(tmp_path / "run", recipe, COMMAND)
    train(run)
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    held_out = opened.data.test.texts
    said = translator(opened.model, opened.tokenizer)([source for source, _ in held_out])
    assert len(held_out) > 20
    assert sum(ours == target for ours, (_, target) in zip(said, held_out, strict=True)) / len(held_out) > 0.9


def test_parts_and_ranks_give_the_whole_batchs_gradient(tmp_path: Path) -> None:
    pairs = pairs_of_run(start(tmp_path / "a", PLAIN, COMMAND))
    model = Seq2Seq(fitted(dataclasses.replace(SMALL, dropout=0.0), pairs))
    loss = pair_loss(0.1)
    whole = loss.summed(model, pair_work(PLAIN, pairs, Ranks()).batches(3))
    parts = [loss.summed(model, pair_work(PLAIN, pairs, Ranks(rank=rank, world=2)).batches(3)) for rank in range(2)]
    assert sum(int(part.number) for part in parts) == int(whole.number)
    assert sum(part.total.item() for part in parts) == pytest.approx(whole.total.item(), rel=1e-5)


def rank_trains(path: Path) -> None:
    with ranks(torch.device("cpu")) as place:
        train(Run(path) if (path / "run.json").exists() else start(path, PLAIN, COMMAND, place), ranks=place)


@pytest.mark.slow
def test_two_ranks_train_one_run(tmp_path: Path) -> None:
    on_ranks(2, rank_trains, tmp_path / "a")
    assert Run(tmp_path / "a").is_trained


def test_deleted_pairs_are_made_again_and_changed_ones_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("".join(f"text {i}\ttext {i + 1}\n" for i in range(100)))
    run = start(tmp_path / "a", dataclasses.replace(PLAIN, data=str(tmp_path / "a.tsv")), COMMAND)
    digest = pairs_of_run(run).digest
    shutil.rmtree(tmp_path / ".pairs")
    assert pairs_of_run(run).digest == digest
    shutil.rmtree(tmp_path / ".pairs")
    (tmp_path / "a.tsv").write_text("".join(f"text {i}\tother {i}\n" for i in range(100)))
    with pytest.raises(RunError, match="have changed since the run began"):
        pairs_of_run(run)
    shutil.rmtree(tmp_path / ".pairs")
    (tmp_path / "a.tsv").unlink()
    with pytest.raises(RunError, match="has lost its pairs"):
        pairs_of_run(run)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"test": 0.0}, r"test \(=0.0\) is a share of the pairs"),
        ({"test": 0.5, "validation": 0.5}, "leave no pairs to train on"),
        ({"label_smoothing": 1.0}, r"label_smoothing \(=1.0\)"),
        ({"beams": 0}, r"beams \(=0\)"),
        ({"length_penalty": -0.1}, r"length_penalty \(=-0.1\)"),
        ({"source": "en"}, "say the other by --target"),
    ],
)
def test_recipes_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(PLAIN, **wrong)


def test_what_does_not_fit_the_data_or_the_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"vocab_size \(=77\) is not the tokenizer's"):
        start(tmp_path / "a", dataclasses.replace(PLAIN, model=dataclasses.replace(SMALL, vocab_size=77)), COMMAND)
    with pytest.raises(ValueError, match=r"compile \(='on'\) is for batches of one shape"):
        start(tmp_path / "a", dataclasses.replace(PLAIN, compile="on"), COMMAND)
    assert not (tmp_path / "a").exists()


def test_the_recipe_of_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", kind="text", recipe={})
    with pytest.raises(RunError, match="no recipe of a training on pairs"):
        pair_recipe_of(run)


def test_smoothing_is_torchs_and_padding_counts_for_nothing() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5)
    targets = torch.tensor([[1, 2, -1], [4, -1, -1]])
    given = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits[targets >= 0], targets[targets >= 0])
    model: Any = lambda source, inputs: logits  # noqa: E731
    found = pair_loss(0.1)(model, (torch.zeros(2, 1), torch.zeros(2, 3), targets))
    assert float(found) == pytest.approx(float(given))


def test_texts_are_translated_in_their_order_whatever_their_length(tmp_path: Path) -> None:
    run = start(tmp_path / "a", dataclasses.replace(PLAIN, steps=3), COMMAND)
    train(run)
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    texts = ["3042", "the twenty-third of april nineteen ninety-seven", " 7 "]
    together = translate(opened.model, opened.tokenizer, texts, beams=2)
    for text, ranked in zip(texts, together, strict=True):
        (alone,) = translate(opened.model, opened.tokenizer, [text], beams=2)
        assert [one.text for one in ranked] == [one.text for one in alone]
        assert ranked[0].log_prob == pytest.approx(alone[0].log_prob, abs=1e-4)
        assert 0 < ranked[0].probability <= 1
    assert len(translate(opened.model, opened.tokenizer, texts, beams=None)[0]) == 1
    with pytest.raises(ValueError, match="an empty text has nothing to translate"):
        translate(opened.model, opened.tokenizer, ["  "])
    with pytest.raises(ValueError, match=r"the network reads 64 \(n_ctx\): give a shorter one"):
        translate(opened.model, opened.tokenizer, ["z" * 200])
