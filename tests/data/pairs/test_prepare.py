import json
from pathlib import Path

import numpy as np
import pytest
import torch

from glassworks.core.errors import FileDamaged
from glassworks.data.pairs.batches import POOL, PairBatches, batch_of
from glassworks.data.pairs.prepare import Pairs, open_pairs, prepare
from glassworks.data.pairs.read import PairSource
from glassworks.data.tokenizers.build import train_bpe

HOW = {"n_ctx": 64, "validation": 0.1, "test": 0.2}


def some(root: Path, data: str = "dates:400", spec: str = "bpe:300", **how: float) -> Pairs:
    return prepare(PairSource((data,)), spec, root, **{**HOW, **how})


def test_texts_are_split_by_their_value_and_tokens_are_theirs(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    parts = (pairs.train, pairs.validation, pairs.test)
    assert sum(map(len, parts)) == 400
    assert len(pairs.test) == pytest.approx(80, abs=30)
    values = [{text for pair in part.texts for text in pair if text[0].isdigit()} for part in parts]
    assert not values[0] & values[1]
    assert not values[0] & values[2]
    for part in parts:
        for i, texts in enumerate(part.texts):
            assert tuple(pairs.tokenizer.decode(part.ids(side, i)) for side in ("source", "target")) == texts
            assert part.lengths[i].tolist() == [len(part.ids(side, i)) for side in ("source", "target")]


def test_texts_can_be_read_without_keeping_them(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"source": f"line {i}\u2028\n", "target": f"{i}\rx"}) + "\n" for i in range(60))
    )
    part = some(tmp_path, str(tmp_path / "a.jsonl")).train
    assert list(part.read()) == part.texts
    assert list(part.read(2)) == part.texts[:2]
    assert all(source.startswith("line ") and "\r" in target for source, target in part.texts)


def test_the_tokenizer_has_marks_that_no_text_spells(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    size = pairs.tokenizer.vocab_size
    assert (pairs.end_id, pairs.pad_id, pairs.start_id) == (size - 3, size - 2, size - 1)
    assert not {pairs.pad_id, pairs.start_id, pairs.end_id} & set(
        pairs.tokenizer.encode("<|pad|><|start|><|endoftext|>")
    )


@pytest.mark.parametrize("spec", ["bytes", "chars", "file"])
def test_other_tokenizers_do_as_well(tmp_path: Path, spec: str) -> None:
    if spec == "file":
        train_bpe(["one two three"], 260).save(tmp_path / "tokenizer.json")
        spec = str(tmp_path / "tokenizer.json")
    pairs = some(tmp_path, spec=spec, n_ctx=128)
    assert pairs.tokenizer.decode(pairs.train.ids("source", 0)) == pairs.train.texts[0][0]
    assert len({pairs.pad_id, pairs.start_id, pairs.end_id}) == 3
    if spec == "chars":
        with pytest.raises(ValueError, match="is not in the tokenizer's alphabet"):
            pairs.tokenizer.encode("ß")


def test_the_same_source_stays_in_one_split_and_nothing_is_there_twice(tmp_path: Path) -> None:
    rows = [f"Source {i % 50}\ttarget {i}\n" for i in range(200)]
    (tmp_path / "a.tsv").write_text("".join([*rows, *rows[:7], "x\t\n", *(f"SOURCE  {i}\tagain\n" for i in range(50))]))
    pairs = some(tmp_path, str(tmp_path / "a.tsv"))
    parts = [
        {source.lower().split()[1] for source, _ in part.texts} for part in (pairs.train, pairs.validation, pairs.test)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 50
    assert pairs.meta["pairs"] == {
        "train": len(pairs.train),
        "validation": len(pairs.validation),
        "test": len(pairs.test),
    }
    assert sum(pairs.meta["pairs"].values()) == 250
    assert pairs.meta["notes"] == ["7 pairs left out: there already", "1 pair left out: with an empty side"]


def test_long_pairs_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("".join(f"{i}\t{'z' * (i % 40)}y\n" for i in range(200)))
    pairs = some(tmp_path, str(tmp_path / "a.tsv"), spec="bytes", n_ctx=20)
    assert sum(pairs.meta["pairs"].values()) == 95
    assert max(part.lengths.max() for part in (pairs.train, pairs.validation, pairs.test)) == 19
    assert pairs.meta["notes"] == ["105 pairs left out: more than 19 tokens; --model.n-ctx takes longer ones"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", "", "is empty: give pairs of texts, one a line"),
        ("a.tsv", "\n \n", "has no pair of texts: give one a line"),
        ("a.po", 'msgid "a"\nmsgstr ""\n', "has no message that is translated: give a language's catalogue"),
        ("a.tsv", "a\tb\n", "has 1 pair, of which none is for"),
    ],
)
def test_what_gives_no_pairs_is_said_and_leaves_nothing(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=said):
        some(tmp_path / "root", str(tmp_path / name))
    assert not [path for path in (tmp_path / "root").glob("*") if not path.name.endswith(".lock")]


def test_it_is_made_once_and_damage_is_seen(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    assert some(tmp_path).path == pairs.path
    assert some(tmp_path, n_ctx=63).path != pairs.path
    file = pairs.path / "train_source.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(FileDamaged, match="train_source.npy is damaged"):
        open_pairs(pairs.path).train.ids("source", 0)
    file.write_bytes(content[:-8])
    with pytest.raises(FileDamaged, match="truncated or missing"):
        open_pairs(pairs.path)
    assert json.loads((pairs.path / "meta.json").read_text())["format"] == 1


# ----------------------------------------------------------------------------------------------------------------------


def test_a_batch_is_source_shifted_target_and_target(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    batch = batch_of(pairs, pairs.train, [3, 5])
    for row, i in enumerate((3, 5)):
        source, target = pairs.train.ids("source", i), pairs.train.ids("target", i)
        assert batch.source[row].tolist()[: len(source) + 1] == [*source, pairs.end_id]
        assert set(batch.source[row].tolist()[len(source) + 1 :]) <= {pairs.pad_id}
        assert batch.inputs[row].tolist()[: len(target) + 1] == [pairs.start_id, *target]
        assert batch.targets[row].tolist()[: len(target) + 1] == [*target, pairs.end_id]
        assert set(batch.targets[row].tolist()[len(target) + 1 :]) <= {-1}


def test_batches_are_a_function_of_seed_and_step_and_see_every_pair_once_an_epoch(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    batches, again = PairBatches(pairs, 8, seed=3), PairBatches(pairs, 8, seed=3)
    assert torch.equal(batches(37).source, again(37).source)
    assert not torch.equal(batches(0).source, PairBatches(pairs, 8, seed=4)(0).source)
    chosen = np.concatenate([batches.pooled(number).ravel() for number in range(10)])
    size = len(pairs.train)
    for epoch in range(len(chosen) // size - 1):
        counts = np.bincount(chosen, minlength=size)
        assert counts.min() >= epoch
    whole = [tuple(row) for number in range(3) for row in batches.pooled(number).reshape(-1, 8).tolist()]
    assert len(set(whole)) == len(whole)


def test_ranks_read_parts_of_the_same_batch(tmp_path: Path) -> None:
    pairs = some(tmp_path)
    whole = PairBatches(pairs, 8, seed=0)(5).targets
    for rank in range(2):
        part = PairBatches(pairs, 8, 0, rank, 2)(5).targets
        assert torch.equal(part, whole[4 * rank : 4 * rank + 4, : part.size(1)])
    with pytest.raises(ValueError, match="must be at least 0"):
        PairBatches(pairs, 8, 0)(-1)


def test_pools_leave_less_than_half_of_the_padding(tmp_path: Path) -> None:
    pairs = some(tmp_path, "dates:2000")
    batches = PairBatches(pairs, 16, seed=0)
    pooled = [batches(step).source for step in range(POOL)]
    rows = batches.pooled(0).ravel()
    plain = [batch_of(pairs, pairs.train, sorted(rows.tolist())[16 * i : 16 * i + 16]).source for i in range(POOL)]
    padding = [sum(float((one == pairs.pad_id).sum()) for one in some) for some in (pooled, plain)]
    assert padding[0] < padding[1] / 2
