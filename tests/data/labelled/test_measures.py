from pathlib import Path

import numpy as np
import pytest
from tests.data.labelled.made import ab, images, made, rows

from glassworks.data.labelled import measures
from glassworks.data.labelled.measures import channel_moments, chunks, different, in_train, row_moments
from glassworks.data.labelled.prepare import prepare


@pytest.mark.parametrize("at_once", [1, 7, 50, 10**6])
def test_keys_are_counted_and_compared_alike_however_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    which = np.arange(150) % 60
    data = prepare(made(rows(60)[which], ab(150), contents=[str(i) for i in range(150)]), tmp_path)
    monkeypatch.setattr(measures, "KEYS_AT_ONCE", at_once)
    train, test = (set(which[part.rows].tolist()) for part in (data.train, data.test))
    assert different(data.train.keys) == len(train)
    assert in_train(data.test, data.train) == sum(which[row] in train for row in data.test.rows)
    assert len(train & test) > 0


@pytest.mark.parametrize("chunk_bytes", [1, 1000, 10**7])
def test_moments_do_not_depend_on_the_size_of_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(measures, "CHUNK_BYTES", chunk_bytes)
    pictures = prepare(made(images(80, (2, 4, 3)), ab(80)), tmp_path / "images").train
    whole = np.concatenate(list(chunks(pictures)))
    assert (whole == pictures.inputs(np.arange(len(pictures)))).all()
    mean, std = channel_moments(pictures)
    assert mean == pytest.approx((whole / 255).mean((0, 2, 3)), abs=1e-7)
    assert std == pytest.approx((whole / 255).std((0, 2, 3)), abs=1e-7)
    values = np.column_stack([rows(80, 2), np.full(80, 7, np.float32)])
    table = prepare(made(values, ab(80)), tmp_path / "table").train
    whole = np.concatenate(list(chunks(table))).astype(np.float64)
    mean, std = row_moments(table)
    assert mean == pytest.approx(whole.mean(0), abs=1e-6)
    assert std[:2] == pytest.approx(whole.std(0)[:2], abs=1e-6)
    assert std[2] == 1  # a constant feature can be divided by it
