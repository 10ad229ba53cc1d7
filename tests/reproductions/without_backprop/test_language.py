"""A language model tuned to a small task: which lines are asked of it, and what is measured."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import write_json
from glassworks.data.tokenizers.build import Tokenizer, train_bpe
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.without_backprop import language
from glassworks.reproductions.without_backprop.language import Tuned, judged, lines, read_tuned, resident, tune

NAMES = [f"{a}{b}" for a in "abcdefgh" for b in "xyz"]
TEXT = "\n".join(line for name in NAMES for line in (f"import {name}", "x = 1", f"    def {name}():", f"import {name}"))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe([TEXT + " import def import def"] * 3, 330)


def test_lines_of_both_kinds_are_as_many_and_no_line_is_there_twice(tokenizer: Tokenizer) -> None:
    inputs, targets = lines(TEXT, tokenizer)
    assert len(inputs) == 2 * len(NAMES)
    assert len({tuple(row) for row in inputs.tolist()}) == len(inputs)
    answers = targets[targets >= 0]
    assert answers.unique(return_counts=True)[1].tolist() == [len(NAMES), len(NAMES)]


def test_the_answer_alone_is_asked_for_after_the_line(tokenizer: Tokenizer) -> None:
    inputs, targets = lines(TEXT, tokenizer)
    assert ((targets >= 0).sum(1) == 1).all()
    place = int(targets[0].argmax())
    assert tokenizer.decode(inputs[0, 1 : place + 1].tolist()) == "import ax  #"
    assert targets[0, place] == tokenizer.encode(" import")[0]


def test_lines_that_are_too_long_are_left_out_of_both_kinds(tokenizer: Tokenizer) -> None:
    long = "\n".join([TEXT, "import " + "q" * 200, "def short():"])
    assert len(lines(long, tokenizer)[0]) == 2 * len(NAMES)


def test_a_corpus_without_such_lines_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(RunError, match="no lines that import and define"):
        lines("x = 1\nimport y", tokenizer)


@pytest.mark.parametrize("name", ["adamw", "mezo"])
def test_both_ways_of_tuning_lower_the_loss_of_the_answers(
    name: str, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "RATES", {"adamw": 3e-3, "mezo": 3e-3})
    examples = lines(TEXT, tokenizer)
    torch.manual_seed(0)
    model = GPT(GPTConfig("nanochat", vocab_size=tokenizer.vocab_size, n_ctx=16, n_layer=1, n_head=2, n_embd=16))
    before, _ = judged(model, examples)
    tune(model, name, examples, {"adamw": 10, "mezo": 60}[name], seed=0)
    after, right = judged(model, examples)
    assert after < 0.9 * before
    assert 0 <= right <= 1


def test_the_share_of_the_gain_is_of_what_the_gradient_gained() -> None:
    tuned = Tuned(5.0, {"mezo": 1.5, "adamw": 1.0}, {}, {}, {})
    assert tuned.share_of_gain == pytest.approx(3.5 / 4)


def test_memory_at_the_most_is_no_less_than_memory_now() -> None:
    assert resident("VmHWM") >= resident("VmRSS") > 1e6
    with pytest.raises(RunError, match="does not say VmNothing"):
        resident("VmNothing")


def test_what_tuning_came_to_is_read_as_it_was_written_and_damage_is_named(tmp_path: Path) -> None:
    tuned = Tuned(5.0, {"mezo": 1.5, "adamw": 1.0}, {"mezo": 1.0}, {"mezo": 3}, {"inference": 10})
    write_json(tmp_path / "tuned.json", asdict(tuned))
    assert read_tuned(tmp_path / "tuned.json") == tuned
    write_json(tmp_path / "other.json", {"before": 1.0})
    with pytest.raises(FileDamaged, match="other.json"):
        read_tuned(tmp_path / "other.json")
