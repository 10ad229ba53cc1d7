"""A tokenizer that loses text gets no bits per byte and no verdict, wherever they are told."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers

from glassworks.core.runs import Run
from glassworks.evaluate.advice import advice
from glassworks.evaluate.baselines import baselines
from glassworks.evaluate.held_out import evaluate_run, table, validation, windows_at_once
from glassworks.evaluate.loss import split_loss
from glassworks.evaluate.ratios import UNKNOWN
from glassworks.models.gpt.config import GPTConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import corpus_of_run, model_of, pretrain, start
from glassworks.report.run_page import write_report


def five_words(path: Path) -> str:
    vocabulary = {"[UNK]": 0, "[SEP]": 1, "the": 2, "dog": 3, ".": 4}
    inner = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.add_special_tokens(["[UNK]", "[SEP]"])
    inner.save(str(path))
    return str(path)


def run_with(tmp_path: Path, tokenizer: str) -> Run:
    texts = tmp_path / "texts"  # a folder's files are named within it, and so the same are held out every time
    texts.mkdir()
    for i in range(6):
        (texts / f"{i}.txt").write_text("the dog . the dog saw a cat . " * (9 + i), encoding="utf-8")
    model = GPTConfig(n_ctx=8, n_layer=1, n_head=2, n_embd=8)
    recipe = Recipe(str(texts), tokenizer=tokenizer, held_out=0.4, model=model, batch_size=2, steps=4)
    run = start(tmp_path / "runs" / "a", recipe, [])
    assert pretrain(run)
    return run


def test_where_the_tokenizer_loses_text_there_is_no_rate_and_no_verdict(tmp_path: Path) -> None:
    run = run_with(tmp_path, five_words(tmp_path / "t.json"))
    corpus, model = corpus_of_run(run), model_of(run)
    assert 0.1 < corpus.val.lost == run.record["corpus"]["lost"] < 0.9
    assert "no bits/byte: the tokenizer loses" in str(split_loss(model, corpus.val, batch_size=4))
    evaluate_run(run)
    result = json.loads(run.eval_path("held_out").read_text(encoding="utf-8"), parse_constant=float.fromhex)
    assert result["verdict"].startswith("No verdict: the tokenizer loses")
    assert [row["name"] for row in result["baselines"]] == ["uniform", "unigram", "5-gram"]
    assert [row["bits_per_byte"] for row in (result, *result["baselines"])] == [None] * 4
    assert all(row["nats_per_token"] > 0 for row in (result, *result["baselines"]))
    assert "No verdict" in table(result)
    run.append("metrics", {"step": 4, **validation(model, corpus.val)})
    assert run.rows("metrics")[-1]["val_bits_per_byte"] is None
    page = write_report(run).read_text(encoding="utf-8")
    assert "No verdict: the tokenizer loses" in page
    assert "beats" not in page.partition("</header>")[0]


@pytest.mark.parametrize(("vocab_size", "windows"), [(257, 32), (16_384, 32), (49_152, 10), (151_936, 3), (10**9, 1)])
def test_a_large_vocabulary_is_evaluated_in_smaller_parts(vocab_size: int, windows: int) -> None:
    assert windows_at_once(256, vocab_size) == windows


def test_of_few_documents_it_is_said_that_they_are_too_few(tmp_path: Path) -> None:
    run = run_with(tmp_path, "bytes")
    result = evaluate_run(run)
    assert result["num_documents"] == 3
    assert UNKNOWN in [row["difference"]["verdict"] for row in result["baselines"]]
    assert f"with {UNKNOWN} whether by chance" in result["verdict"]
    assert "ties with" not in result["verdict"]
    lines = table(result, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.endswith("too few documents") for line in lines)
    assert result["verdict"] in " ".join(lines)
    page = write_report(run).read_text(encoding="utf-8")
    assert f"with {UNKNOWN} whether by chance" in page
    assert f'<small class="under">{UNKNOWN}</small>' in page


def test_where_it_keeps_the_text_all_is_told(tmp_path: Path) -> None:
    run = run_with(tmp_path, "bytes")
    result = evaluate_run(run)
    assert result["lost"] == corpus_of_run(run).val.lost == 0
    assert len(result["baselines"]) == 4
    assert "No verdict" not in result["verdict"]


def test_of_a_weak_network_it_is_said_what_to_do_next(tmp_path: Path) -> None:
    run = run_with(tmp_path, "bytes")
    result, corpus = evaluate_run(run), corpus_of_run(run)
    assert result["advice"].startswith("Next: train longer, with --steps 16; it has read the text 0.0")
    assert result["advice"] in table(result)
    assert result["advice"] in write_report(run).read_text(encoding="utf-8").partition("</header>")[0]
    loss, rivals = split_loss(model_of(run), corpus.val, batch_size=4), baselines(corpus)

    def said(**changes: object) -> str | None:
        run.update(**changes)
        return advice(run, corpus, loss, rivals)

    recipe, many = run.record["recipe"], 10**5
    assert said(recipe={**recipe, "minutes": 2.5}) == result["advice"].replace("--steps 16", "--minutes 10")
    often = said(plan={**run.plan, "steps": many}, result={**run.record["result"], "step": many})
    assert often is not None
    assert often.startswith("Next: a larger network, with --model.n-embd 16; it has read the text 1")
    for step in range(5, 200):
        run.append("metrics", {"step": step, "loss": 0.5})
    by_heart = said()
    assert by_heart is not None
    assert by_heart.startswith("Next: more text, or a smaller network;")
    easy = [replace(row, bits_per_byte=99.0, nats=99 * row.nats) for row in rivals if row.nats is not None]
    assert advice(run, corpus, loss, easy) is None
    assert said(result={}) is None  # measured on the way
