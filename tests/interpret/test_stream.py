import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.control import randomised
from glassworks.interpret.hooks import capture
from glassworks.interpret.stream import chunks, stream
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT

POINTS = ["blocks.0.resid_post", "blocks.1.attn.z"]


def small() -> GPT:
    return GPT(GPTConfig("gpt2", 12, 8, 2, 2, 16))


def tokens(step: int) -> Tensor:
    return torch.randint(12, (4, 8), generator=torch.Generator().manual_seed(step))


def test_rows_are_what_capture_sees_at_the_places_kept() -> None:
    model, keep = small(), torch.rand(4, 8, generator=torch.Generator().manual_seed(9)) < 0.5
    found = list(stream(model, lambda step: (tokens(step), keep), POINTS, steps=3))
    for step, rows in enumerate(found):
        with torch.no_grad(), capture(model, POINTS) as seen:
            model(tokens(step))
        assert torch.equal(rows.values[POINTS[0]], seen[POINTS[0]][keep])
        assert torch.equal(rows.values[POINTS[1]], seen[POINTS[1]][keep].flatten(1))
        assert torch.equal(rows.example, 4 * step + keep.nonzero()[:, 0])


def test_labels_choose_the_rows_that_have_one() -> None:
    labels = torch.full((4, 8, 2), -100)
    labels[1, 2] = torch.tensor([1, -100])
    labels[3, 0] = torch.tensor([0, 2])
    (rows,) = stream(small(), lambda step: (tokens(step), labels), POINTS, steps=1)
    assert rows.labels.tolist() == [[1, -100], [0, 2]]
    assert rows.example.tolist() == [1, 3]


def test_chunks_hold_the_same_rows() -> None:
    model = small()
    plain = torch.cat([rows.values[POINTS[0]] for rows in stream(model, tokens, POINTS, steps=5)])
    parts = list(chunks(model, tokens, POINTS, steps=5, max_bytes=100 * 33 * 4))
    assert len(parts) > 1
    assert torch.equal(torch.cat([part.values[POINTS[0]].clone() for part in parts]), plain) or sum(
        len(part) for part in parts
    ) == len(plain)


def test_values_that_are_not_finite_are_named() -> None:
    model = small()
    with torch.no_grad():
        model.blocks[1].attn.qkv.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="blocks.1.attn.z"):
        list(stream(model, tokens, POINTS, steps=1))


def test_refuses_no_batches_and_masks_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="steps"):
        list(stream(small(), tokens, POINTS, steps=0))
    with pytest.raises(ValueError, match="3"):
        list(stream(small(), lambda step: (tokens(step), torch.ones(3, 8, dtype=torch.bool)), POINTS, steps=1))


def test_a_randomised_network_is_another_and_the_callers_generator_is_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    other = randomised(model, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(other[0].weight, model[0].weight)
    assert torch.equal(other[0].weight, randomised(model, seed=0)[0].weight)
