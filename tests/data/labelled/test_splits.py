import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.labelled.made import ab, images, made, rows

from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.data.labelled.source import SPLITS, Source
from glassworks.data.labelled.splits import Shares, keys_of, places


def splits_by_name(data: Labelled) -> dict[str, str]:
    """The split of each example."""
    return {name: split for split in SPLITS for name in part_names(data, split)}


def part_names(data: Labelled, split: str) -> list[str]:
    part = getattr(data, split)
    return part.names(np.arange(len(part)))


def split_of(source: Source, **shares: Any) -> dict[str, str]:
    root = tempfile.mkdtemp()
    try:
        return splits_by_name(prepare(source, root, **shares))
    finally:
        shutil.rmtree(root)


@settings(deadline=None, max_examples=25)
@given(
    order=st.permutations(range(90)),
    kept=st.integers(60, 90),
    block=st.integers(1, 40),
    seed=st.integers(0, 2**64),
    by=st.sampled_from(["inputs", "images", "contents", "groups"]),
)
def test_examples_that_are_added_taken_away_or_moved_move_no_other(
    order: list[int], kept: int, block: int, seed: int, by: str
) -> None:
    inputs = images(90) if by == "images" else rows(90)
    targets = np.arange(90.0)
    more = {by: [f"{by} {i % 45}" for i in range(90)]} if by in ("contents", "groups") else {}
    whole = made(inputs, targets, **more)
    chosen = order[:kept]
    fewer = made(
        inputs[chosen], targets[chosen], block=block, names=[f"example {i}" for i in chosen],
        **{name: [values[i] for i in chosen] for name, values in more.items()},
    )  # fmt: skip
    shares = {"validation": 0.25, "test": 0.25, "seed": seed}
    of_whole, of_fewer = split_of(whole, **shares), split_of(fewer, **shares)
    assert len(of_fewer) == kept
    assert of_fewer.items() <= of_whole.items()


def test_inputs_that_are_equal_though_their_contents_are_not_are_told(tmp_path: Path) -> None:
    which = np.arange(200) % 100
    data = prepare(made(rows(100)[which], ab(200), contents=[str(i) for i in range(200)]), tmp_path)
    copies = {split: sum(which[row] in which[data.train.rows] for row in getattr(data, split).rows) for split in SPLITS}
    assert 0 < copies["test"] == data.meta["copies_in_train"]["test"]
    assert f"{copies['test']} of the {len(data.test)} test examples are exactly in train, too" in " ".join(data.notes)


@settings(deadline=None, max_examples=25)
@given(copies=st.lists(st.integers(0, 29), min_size=30, max_size=90), seed=st.integers(0, 1000))
def test_exact_copies_are_in_one_split_whatever_they_are_called(copies: list[int], seed: int) -> None:
    which = [*range(30), *copies]
    inputs = rows(30)
    inputs[0] = 0.0
    copied = inputs[which]
    copied[30:] *= np.where(copied[30:] == 0, np.float32(-1), np.float32(1))  # -0.0 is 0.0
    targets = np.random.default_rng(seed).normal(size=len(which))  # also where they say different things
    found = split_of(made(copied, targets), validation=0.3, test=0.3, seed=seed)
    for i, original in enumerate(which):
        assert found[f"example {i}"] == found[f"example {original}"]


def test_shares_are_those_asked_for_up_to_chance_in_every_class(tmp_path: Path) -> None:
    classes = [f"class {i % 10 if i % 3 else 0}" for i in range(20_000)]
    data = prepare(made(rows(20_000), classes, block=5000), tmp_path, validation=0.15, test=0.25)
    counts = np.array([data.meta["counts"][split] for split in SPLITS])
    assert counts.sum() == 20_000
    for share, count in ((0.15, counts[1]), (0.25, counts[2])):
        expected = share * counts.sum(0)
        assert (np.abs(count - expected) < 4 * np.sqrt(expected * (1 - share))).all()
    assert data.notes[0].startswith(
        f"split by content: {len(data.train):,} train, {len(data.validation):,} validation ("
    )


def test_few_different_examples_are_said(tmp_path: Path) -> None:
    data = prepare(made(rows(40)[np.arange(400) % 40], ab(400)), tmp_path)
    assert data.notes[0].endswith("; equal ones stay together, and only 40 are different")


def test_another_seed_is_another_draw_and_the_same_seed_the_same(tmp_path: Path) -> None:
    source = made(rows(300), ab(300))
    one, other, again = (split_of(source, seed=seed) for seed in (0, 1, 0))
    assert one == again
    different = sum(one[name] != other[name] for name in one)
    assert pytest.approx(different, abs=4 * np.sqrt(300 * 0.46 * 0.54)) == 300 * (1 - 0.7**2 - 0.2**2 - 0.1**2)


def test_places_are_spread_evenly_and_keys_are_of_the_content() -> None:
    keys = keys_of(rows(50_000))
    assert len(set(keys.tolist())) == 50_000
    place = places(keys, 3)
    assert ((place >= 0) & (place < 1)).all()
    assert np.histogram(place, 20, (0, 1))[0].tolist() == pytest.approx([2500] * 20, abs=5 * np.sqrt(2500))
    assert abs(np.corrcoef(place, places(keys, 4))[0, 1]) < 0.02
    assert keys_of(["a", "b", "a"])[[0, 2]].tolist() == [keys_of(["a"])[0]] * 2


# ----------------------------------------------------------------------------------------------------------------------
# By group, by time, as the source says


def test_those_of_a_group_are_in_one_split_and_groups_are_told_apart(tmp_path: Path) -> None:
    people = [f"person {i % 40}" for i in range(400)]
    data = prepare(made(rows(400), ab(400), groups=people), tmp_path)
    found = splits_by_name(data)
    for i, person in enumerate(people):
        assert found[f"example {i}"] == found[f"example {int(person.split()[1])}"]
    assert data.meta["split_by"] == "by group"
    groups = np.concatenate([getattr(data, split).groups for split in SPLITS])
    assert groups.dtype == np.int64
    assert len(set(groups.tolist())) == 40


def test_by_time_the_latest_are_the_test_and_those_before_them_the_validation(tmp_path: Path) -> None:
    times = np.random.default_rng(0).permutation(200).astype(float)
    data = prepare(made(rows(200), ab(200), times=times), tmp_path, validation=0.1, test=0.25)
    by_split = {split: [times[int(name.split()[1])] for name in part_names(data, split)] for split in SPLITS}
    assert sorted(by_split["test"]) == list(range(150, 200))
    assert sorted(by_split["validation"]) == list(range(130, 150))
    assert data.meta["split_by"] == "by time"


@settings(deadline=None, max_examples=25)
@given(times=st.lists(st.integers(0, 6), min_size=20, max_size=60))
def test_examples_of_one_instant_are_in_one_split(times: list[int]) -> None:
    source = made(rows(len(times)), np.arange(float(len(times))), times=np.array(times, float))
    if len(set(times)) < 3:
        with pytest.raises(ValueError, match="a split by time needs three instants"):
            split_of(source)
        return
    found = split_of(source)
    order = [SPLITS.index(found[f"example {i}"]) for i in np.argsort(times, kind="stable")]  # type: ignore[arg-type]
    assert order == sorted(order)
    assert len({(time, found[f"example {i}"]) for i, time in enumerate(times)}) == len(set(times))


@pytest.mark.parametrize("given", [("train", "test"), ("train", "validation"), ("train", "validation", "test")])
def test_what_the_source_says_is_kept_and_a_split_it_lacks_is_drawn_from_training(
    tmp_path: Path, given: tuple[str, ...]
) -> None:
    said = [given[i % len(given)] for i in range(300)]
    classes = [str(i // len(given) % 2) for i in range(300)]
    data = prepare(made(rows(300), classes, splits=said), tmp_path, validation=0.2, test=0.3)
    found = splits_by_name(data)
    missing = set(SPLITS) - set(given)
    for i, split in enumerate(said):
        assert found[f"example {i}"] == split or (split == "train" and found[f"example {i}"] in missing)
    for split in missing:
        share = {"validation": 0.2, "test": 0.3}[split]
        of_training = len(getattr(data, split)) / said.count("train")
        assert of_training == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / said.count("train")))


def test_copies_across_the_splits_that_a_source_or_groups_or_time_make_are_said(tmp_path: Path) -> None:
    inputs = rows(100)
    inputs[90:] = inputs[:10]
    said = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    data = prepare(made(inputs, ab(100), splits=said), tmp_path / "said")
    assert data.meta["copies_in_train"] == {"validation": 0, "test": 10}
    assert "10 of the 20 test examples are exactly in train, too: their score flatters" in data.notes
    assert prepare(made(inputs, ab(100)), tmp_path / "drawn").meta["copies_in_train"] == {"validation": 0, "test": 0}


# ----------------------------------------------------------------------------------------------------------------------
# What cannot be split


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (made(rows(0), []), "a made source: there are no examples: give data with some"),
        (made(rows(3), np.arange(3.0)), "of 3 examples none falls to (test|validation) at a share of 0.[12]:"),
        (made(rows(50), ["a"] * 50), "the target is constant: every example is of class 'a': give two classes"),
        (made(rows(50), np.full(50, 3.0)), r"the target is constant \(=3\): there is nothing to learn"),
        (made(rows(50), [*ab(2), "rare", *ab(47)]), r"class 'rare' has one example only \(example 2\), to be both"),
        (made(rows(50), [str(i) for i in range(50)]), "classes '0', '1', '2', '3', '4' and 45 more have one example"),
        (made(rows(50), [str(i) for i in range(50)]), 'as the target looks like numbers, train on them by task="numb'),
        (made(rows(50), ["100.8", *["3"] * 20, *["4"] * 29]), 'the target looks like numbers, train on them by task='),
        (made(rows(50), ["1", *["3"] * 20, *["4"] * 29]), "give more or leave it out$"),
        (made(rows(9), ab(9), splits=["test"] * 9), "nothing is said to be for training: give the training examples"),
        (made(rows(9), ab(9), splits=["test"] * 9, times=np.arange(9.0)), "which examples are for the test: leave"),
        (made(rows(9), ab(9), groups=ab(9), times=np.arange(9.0)), "group and time cannot both decide the splits"),
        (made(rows(90), ab(90), groups=["one"] * 90), r"of 90 examples \(1 different\) none falls to "),
        (made(rows(9), np.array([1, 2, np.nan, 4, 5, 6, 7, 8, 9.0])), "example 2: the target is missing or not finite"),
        (made(rows(9), ab(9), times=np.array([1, np.inf, 3, 4, 5, 6, 7, 8, 9])), "example 1: the time is missing"),
        (made(np.full((9, 2), np.nan, np.float32), ab(9)), "example 0: an input is missing or not finite"),
        (made(rows(9), ab(9), classes=("a", "c")), r"example 0: the target \(='b'\) is none of the 2 classes"),
        (made(rows(9), ab(9), block=9, groups=ab(3)), "example 0: 3 groups stand beside 9 inputs"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_clear_line_and_leaves_nothing(tmp_path: Path, source: Source, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        prepare(source, tmp_path)
    assert "\n" not in str(error.value)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_class_that_would_not_be_in_training_is_refused_and_one_that_is_not_held_out_said(tmp_path: Path) -> None:
    targets = [*ab(60), "c", "c"]
    outcomes = set()
    for seed in range(30):
        try:
            notes = prepare(made(rows(62), targets), tmp_path / str(seed), validation=0.3, test=0.3, seed=seed).notes
            outcomes |= {note.partition("for want")[0] for note in notes if note.startswith("class 'c' has no example")}
        except ValueError as error:
            outcomes.add(str(error).partition(",")[0])
    assert outcomes == {
        "a made source: class 'c' has no example in train",
        "class 'c' has no example in validation, ",
        "class 'c' has no example in test, ",
    }


@pytest.mark.parametrize(
    "shares",
    [{"validation": 0.0}, {"test": 1.0}, {"test": -0.1}, {"test": float("nan")}, {"validation": 0.5, "test": 0.5}],
)
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"(validation|test) \(="):
        Shares(**shares)
