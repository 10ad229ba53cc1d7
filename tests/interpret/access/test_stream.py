import re
import threading

import pytest
import torch
from tests.interpret.networks import fresh
from torch import Tensor, nn

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.access.stream import Batches, chunks, gather, spread, stream
from glassworks.interpret.control import randomised

POINTS = ["blocks.0.resid_post", "blocks.1.attn.z"]


def tokens(step: int) -> Tensor:
    return torch.randint(12, (4, 8), generator=torch.Generator().manual_seed(step))


def test_rows_are_what_capture_sees_at_the_places_kept() -> None:
    model, keep = fresh(), torch.rand(4, 8, generator=torch.Generator().manual_seed(9)) < 0.5
    found = list(stream(model, lambda step: (tokens(step), keep), POINTS, steps=3))
    for step, rows in enumerate(found):
        with torch.no_grad(), capture(model, POINTS) as seen:
            model(tokens(step))
        assert torch.equal(rows.values[POINTS[0]], seen[POINTS[0]][keep])
        assert torch.equal(rows.values[POINTS[1]], seen[POINTS[1]][keep].flatten(1))
        assert torch.equal(rows.example, 4 * step + keep.nonzero()[:, 0])


def test_logits_that_nobody_reads_are_not_made() -> None:
    model, sizes = fresh(), list[int]()
    model.head.register_forward_hook(lambda _m, _a, out: sizes.append(out.size(1)))
    for points in (POINTS, "blocks.*.resid_post", "head", ["blocks.0.resid_post", "norm"]):
        (rows,) = stream(model, tokens, points, steps=1)
        assert len(rows) == 4 * 8
    assert sizes == [1, 1, 8, 8]


def test_labels_choose_the_rows_that_have_one() -> None:
    labels = torch.full((4, 8, 2), -100)
    labels[1, 2] = torch.tensor([1, -100])
    labels[3, 0] = torch.tensor([0, 2])
    (rows,) = stream(fresh(), lambda step: (tokens(step), labels), POINTS, steps=1)
    assert rows.labels.tolist() == [[1, -100], [0, 2]]
    assert rows.example.tolist() == [1, 3]


def test_chunks_hold_the_same_rows() -> None:
    model = fresh()
    plain = torch.cat([rows.values[POINTS[0]] for rows in stream(model, tokens, POINTS, steps=5)])
    row = 4 * (16 + 16)
    found = [part.values[POINTS[0]].clone() for part in chunks(model, tokens, POINTS, steps=5, max_bytes=100 * row)]
    assert [len(part) for part in found] == [96, 64]  # whole batches of 32 rows
    assert torch.equal(torch.cat(found), plain)


def test_a_block_leaves_room_for_the_work_on_it_and_is_not_begun_without_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, row = fresh(), 4 * (16 + 16)
    sizes = [len(part) for part in chunks(model, tokens, POINTS, steps=5, max_bytes=100 * row, work=lambda rows: row)]
    assert max(sizes) <= 50
    assert sum(sizes) == 160
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 100 * row)
    with pytest.raises(ValueError, match=rf"needs {160 * row:,} bytes, {100 * row:,} are free: lower max_bytes"):
        next(chunks(model, tokens, POINTS, steps=5, max_bytes=1 << 30))


@pytest.mark.parametrize("total", [None, 1 + 4 * 32])
def test_blocks_do_not_depend_on_how_many_rows_the_first_batch_has(total: int | None) -> None:
    row = 4 * (16 + 16)
    sparse = lambda step: (tokens(step), torch.arange(32).view(4, 8) < (1 if step == 0 else 32))  # noqa: E731
    (whole,) = chunks(fresh(), sparse, POINTS, steps=5, max_bytes=1 << 20, total=total)
    assert len(whole) == 1 + 4 * 32
    rows = [part.values[POINTS[0]] for part in stream(fresh(), sparse, POINTS, steps=5)]
    assert torch.equal(whole.values[POINTS[0]], torch.cat(rows))
    sizes = [len(x) for x in chunks(fresh(), sparse, POINTS, steps=5, max_bytes=100 * row, total=total)]
    assert sizes == ([97, 32] if total is None else [65, 64])


def test_gathering_too_much_says_a_size_above_the_limit() -> None:
    row = 4 * (16 + 16)
    assert len(gather(fresh(), tokens, POINTS, steps=5, max_bytes=160 * row)) == 160
    with pytest.raises(ValueError, match=r"need (\d+,?)+ bytes or more, above max_bytes") as caught:
        gather(fresh(), tokens, POINTS, steps=5, max_bytes=159 * row)
    said, limit = (int(x.replace(",", "")) for x in re.findall(r"[\d,]{4,}\d", str(caught.value)))
    assert said > limit == 159 * row
    thin = lambda step: (tokens(step), torch.arange(8).expand(4, 8) < (8 if step == 0 else 2))  # noqa: E731
    assert len(gather(fresh(), thin, POINTS, steps=5, max_bytes=70 * row)) == 32 + 4 * 8


def test_values_that_are_not_finite_are_named_with_where_they_begin() -> None:
    model = fresh()
    with torch.no_grad():
        model.blocks[1].attn.qkv.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"blocks.1.attn.z holds NaN in \d+ of 32 rows.*weights of blocks.1.attn.qkv"):
        list(stream(model, tokens, POINTS, steps=1))
    line = nn.Sequential(nn.Linear(2, 2), Root(), nn.Linear(2, 2), nn.ReLU())
    for inputs in (-torch.ones(3, 2), {"input": -torch.ones(3, 2)}):
        with pytest.raises(ValueError, match="3 holds NaN in 3 of 3 rows, which begin at 1: mend the model there"):
            list(stream(line, lambda step, inputs=inputs: inputs, "3", steps=1))


class Root(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - 1000).sqrt()


def test_inputs_may_be_a_dict_of_keywords() -> None:
    model = fresh()
    (plain,) = stream(model, tokens, POINTS, steps=1)
    (named,) = stream(model, lambda step: {"tokens": tokens(step)}, POINTS, steps=1)
    assert torch.equal(plain.values[POINTS[0]], named.values[POINTS[0]])
    assert not model._forward_pre_hooks


def test_keywords_are_those_of_the_thread_that_gave_them() -> None:
    """Another thread's plain call was taken for a dict of them."""
    model, found = fresh(), list[Tensor | Exception]()

    def other() -> None:
        try:
            found.append(model(tokens(1)))
        except Exception as error:
            found.append(error)

    with torch.no_grad(), spread(model, {"tokens": tokens(0)}):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert isinstance(found[0], Tensor), found
        assert torch.equal(model({"tokens": tokens(1)}), found[0])


def test_only_a_mask_or_labels_are_taken() -> None:
    def with_keep(keep: Tensor) -> Batches:
        return lambda step: (tokens(step), keep)

    model = fresh()
    with pytest.raises(ValueError, match=r"labels of torch.float32: give a bool mask, or labels as whole numbers"):
        list(stream(model, with_keep(torch.ones(4, 8, 1)), POINTS, steps=1))
    with pytest.raises(ValueError, match=r"mask of torch.int64: here it must be bool, as mask.bool\(\)"):
        list(stream(model, with_keep(torch.ones(4, 8, dtype=torch.int64)), POINTS, steps=1, mask_only=True))
    with pytest.raises(ValueError, match="batch of 0 examples: give fewer steps"):
        list(stream(nn.Linear(3, 3), lambda step: torch.ones(0, 3), "", steps=1))


def test_a_row_of_a_convolutions_map_is_one_place_with_all_channels() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 3 * 4, 2))
    images = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = model[:2](images)  # (2, 5, 3, 4)
    (rows,) = stream(model, lambda step: images, "1", steps=1)
    assert rows.values["1"].shape == (2 * 3 * 4, 5)
    assert torch.equal(rows.values["1"].view(2, 3, 4, 5), maps.movedim(1, -1))
    assert rows.example.tolist() == [0] * 12 + [1] * 12
    keep = torch.zeros(2, 3, 4, dtype=torch.bool)
    keep[1, 2, 0] = True
    (rows,) = stream(model, lambda step: (images, keep), "1", steps=1)
    assert torch.equal(rows.values["1"][0], maps[1, :, 2, 0])
    (rows,) = stream(model, lambda step: (images, torch.tensor([[1], [0]])), "1", steps=1)  # a label an image
    assert torch.equal(rows.values["1"], maps.flatten(1))


def test_refuses_no_batches_and_masks_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="steps"):
        list(stream(fresh(), tokens, POINTS, steps=0))
    with pytest.raises(ValueError, match="3"):
        list(stream(fresh(), lambda step: (tokens(step), torch.ones(3, 8, dtype=torch.bool)), POINTS, steps=1))


def test_a_randomised_network_is_another_and_the_callers_generator_is_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    other = randomised(model, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(other[0].weight, model[0].weight)
    assert torch.equal(other[0].weight, randomised(model, seed=0)[0].weight)
