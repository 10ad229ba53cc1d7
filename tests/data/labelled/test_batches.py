from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.labelled.made import ab, images, made, rows

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.augment import Augmentation
from glassworks.data.labelled.batches import Examples, LabelledBatch
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.train.batch import split

EVERYTHING = Augmentation(crop=2, flip=True, shift=0.1, turn=15.0, scale=0.2, mixup=0.4, cutout=3)
AUGMENTATIONS = [None, Augmentation(crop=2, flip=True, cutout=3), Augmentation(mixup=1.0), EVERYTHING]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return prepare(made(images(130, (2, 9, 7)), ab(130)), tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return prepare(made(rows(130, 3), np.arange(130.0)), tmp_path_factory.mktemp("table"))


def same(a: LabelledBatch, b: LabelledBatch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def together(batches: list[LabelledBatch]) -> LabelledBatch:
    return LabelledBatch(*map(torch.cat, zip(*batches, strict=True)))


def test_every_example_is_seen_once_an_epoch_in_another_order_each_time(data: Labelled) -> None:
    n = len(data.train)
    epochs = [Examples(data.train, n, seed=3)(step) for step in range(3)]
    expected = torch.from_numpy(data.train.inputs(np.arange(n))).float() / 255
    for epoch in epochs:
        assert torch.equal(epoch.inputs.flatten(1).sort(0)[0], expected.flatten(1).sort(0)[0])
    assert not torch.equal(epochs[0].inputs, epochs[1].inputs)
    assert not same(Examples(data.train, n, seed=4)(0), epochs[0])


def test_inputs_and_targets_belong_together(data: Labelled, table: Labelled) -> None:
    for part in (data.train, table.train):
        known = {part.inputs([i]).tobytes(): part.targets[i] for i in range(len(part))}
        batch = Examples(part, 50, seed=0)(1)
        for inputs, target in zip(batch.inputs, batch.targets, strict=True):
            raw = (inputs * 255).round().to(torch.uint8) if part is data.train else inputs
            assert known[raw.numpy().tobytes()] == target
        assert torch.equal(batch.targets, batch.others)
        assert batch.share.eq(1).all()
    assert Examples(data.train, 4, 0)(0).targets.dtype == torch.int64
    assert batch.targets.dtype == batch.inputs.dtype == torch.float32


@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_a_batch_follows_from_its_step_alone_whatever_was_read_before(
    data: Labelled, augment: Augmentation | None
) -> None:
    inorder = Examples(data.train, 24, seed=7, augment=augment)
    batches = [inorder(step) for step in range(12)]
    for step in (11, 0, 5):
        assert same(Examples(data.train, 24, seed=7, augment=augment)(step), batches[step])
        assert same(inorder(step), batches[step])


@settings(deadline=None, max_examples=40)
@given(
    world=st.sampled_from([1, 2, 3, 4]),
    step=st.integers(0, 500),
    augment=st.sampled_from(AUGMENTATIONS),
    size=st.sampled_from([12, 24, 240]),
)
def test_the_parts_of_ranks_are_the_whole_batch(
    data: Labelled, world: int, step: int, augment: Augmentation | None, size: int
) -> None:
    parts = [Examples(data.train, size, 1, rank, world, augment)(step) for rank in range(world)]
    assert same(together(parts), Examples(data.train, size, 1, augment=augment)(step))


def test_a_batch_is_cut_into_parts_as_others_are(data: Labelled) -> None:
    batch = Examples(data.train, 24, 0, augment=EVERYTHING)(0)
    assert same(together(split(batch, 3)), batch)


def test_a_sample_is_changed_in_the_same_way_in_batches_of_any_size(data: Labelled) -> None:
    augment = Augmentation(crop=2, flip=True, shift=0.1, turn=15.0, scale=0.2, cutout=3)
    small, large = (Examples(data.train, size, 5, augment=augment) for size in (8, 40))
    assert same(together([small(step) for step in range(5)]), large(0))


@pytest.mark.parametrize("kind", ["data", "table"])
def test_mixup_mixes_by_shares_with_partners_from_the_batch(kind: str, request: pytest.FixtureRequest) -> None:
    part = request.getfixturevalue(kind).train
    plain = Examples(part, 60, seed=2)
    mixed = Examples(part, 60, seed=2, augment=Augmentation(mixup=0.7))
    pairings = []
    for step in range(3):
        whole, batch = plain(step), mixed(step)
        assert torch.equal(batch.targets, whole.targets)
        assert ((batch.share >= 0) & (batch.share <= 1)).all()
        partners = []
        for row in range(60):
            share = batch.share[row]
            candidates = share * whole.inputs[row] + (1 - share) * whole.inputs
            away = (candidates - batch.inputs[row]).abs().flatten(1).amax(1)
            matching = [i for i in torch.where(away < 1e-5)[0].tolist() if whole.targets[i] == batch.others[row]]
            assert matching
            partners.append(matching[0])
        pairings.append(partners)
    assert len(set(pairings[0])) > 50  # but where a share near 1 leaves nothing to tell partners by
    assert pairings[0] != pairings[1] != pairings[2]


def test_batches_may_be_larger_than_the_data(data: Labelled) -> None:
    n = len(data.train)
    large = Examples(data.train, 3 * n + 1, seed=0)(1)
    ones = Examples(data.train, 1, seed=0)
    assert same(together([ones(3 * n + 1 + i) for i in range(3 * n + 1)]), large)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, r"batch_size \(=0\) must be at least 1"),
        ({"batch_size": 9, "world": 2}, r"batch_size \(=9\) must be divisible by the number of ranks \(=2\)"),
        ({"rank": 2, "world": 2}, r"rank \(=2\) must be from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(data: Labelled, given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Examples(data.train, **{"batch_size": 8, "seed": 0} | given)
    with pytest.raises(ValueError, match=r"step \(=-1\) must be at least 0"):
        Examples(data.train, 8, 0)(-1)


def test_rows_of_a_table_are_mixed_only(table: Labelled) -> None:
    assert Examples(table.train, 8, 0, augment=Augmentation(mixup=0.2))(0).inputs.shape == (8, 3)
    with pytest.raises(ValueError, match="augmentation of rows of a table can be mixup only: crop, flip"):
        Examples(table.train, 8, 0, augment=Augmentation(flip=True))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    part = prepare(made(images(130), ab(130)), tmp_path).train
    path = part.path / "inputs_000.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(FileDamaged, match=f"{path} is damaged or missing: delete the folder {part.path}"):
        Examples(part, 8, 0)(0)
