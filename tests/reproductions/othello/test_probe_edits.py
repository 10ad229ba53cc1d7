"""Edits along what probes read: how far they go, their controls, and which is chosen."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from glassworks.models.gpt.model import GPT
from glassworks.reproductions.othello.edits import (
    LastToken,
    choose_cases,
    legal_squares,
    mistakes,
)
from glassworks.reproductions.othello.games import Played
from glassworks.reproductions.othello.lines import EMPTY, YOURS, middle
from glassworks.reproductions.othello.probe_edits import Edit, Reader, candidates, choose_edit, edits_of, readers, way
from glassworks.reproductions.othello.world import streams


@pytest.fixture(scope="module")
def of_streams(model: GPT, played: Played) -> dict[str, Reader]:
    generator = torch.Generator().manual_seed(0)
    weights = {point: torch.randn(36, 3, 16, generator=generator) for point in streams(model)[1:]}
    return readers(model, weights, played)


def test_readers_hold_the_means_of_the_stream(model: GPT, played: Played, of_streams: dict[str, Reader]) -> None:
    with torch.no_grad():
        x, rope, mask = model.inputs(played.inputs, None)
        first = model.blocks[0](x, rope, mask, None)
    there = played.present & (played.board[..., 20] == YOURS)
    assert torch.allclose(of_streams["blocks.0.resid_post"].mean[20, YOURS], first[there].mean(0), atol=1e-4)
    assert not of_streams["blocks.0.resid_post"].mean[middle(6)[0], EMPTY].any()


def test_set_goes_to_one_place_and_add_by_one_step(played: Played, of_streams: dict[str, Reader]) -> None:
    cases = choose_cases(played, "flip", 10, 0)
    point = "blocks.1.resid_post"
    to = way(of_streams[point], cases)
    x = torch.randn(10, 1, 16, generator=torch.Generator().manual_seed(0))
    along = lambda x: (x[:, 0] * to.direction).sum(1)  # noqa: E731
    added = edits_of(Edit("add", 1, 1, 2.0), of_streams, cases)[point](x)
    assert torch.allclose(along(added), along(x) + 2 * to.gap, atol=1e-4)
    put = edits_of(Edit("set", 1, 1, 1.0), of_streams, cases)[point](x)
    assert torch.allclose(along(put), to.middle + to.gap / 2, atol=1e-4)
    square, rows = cases.square, torch.arange(10)
    wanted = of_streams[point].mean[square, cases.after[rows, square].long()]
    assert torch.allclose(along(put), (wanted * to.direction).sum(1), atol=1e-4)
    aside = (put - x)[:, 0] - ((put - x)[:, 0] * to.direction).sum(1, keepdim=True) * to.direction
    assert aside.abs().max() < 1e-4


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_controls_go_as_far_elsewhere_at_every_stream_of_every_edit(
    played: Played, othello_gpt: Callable[..., GPT], layers: int
) -> None:
    net = othello_gpt(layers=layers)
    generator = torch.Generator().manual_seed(0)
    weights = {point: torch.randn(36, 3, 16, generator=generator) for point in streams(net)[1:]}
    of_streams, cases = readers(net, weights, played), choose_cases(played, "erase", 40, 0)
    x = torch.randn(40, 1, 16, generator=generator)
    for edit in (edit for edit in candidates(layers) if edit.size == 1.5):
        step = {point: (move(x) - x)[:, 0] for point, move in edits_of(edit, of_streams, cases).items()}
        for control, far in (("random direction", 0.15), ("wrong layer", 0.5)):
            others = edits_of(edit, of_streams, cases, control=control)  # type: ignore[arg-type]
            assert others.keys() == step.keys()
            for point, move in others.items():
                other = (move(x) - x)[:, 0]
                assert torch.allclose(other.norm(dim=1), step[point].norm(dim=1), atol=1e-4)
                cosine = F.cosine_similarity(other, step[point])
                assert (cosine.abs() < 0.99).all()
                assert abs(float(cosine.mean())) < far


def test_the_wrong_layer_is_the_one_farthest_from_each_edited_one(
    played: Played, othello_gpt: Callable[..., GPT]
) -> None:
    net = othello_gpt(layers=3)
    weights = {point: torch.randn(36, 3, 16) for point in streams(net)[1:]}
    of_streams, cases = readers(net, weights, played), choose_cases(played, "flip", 10, 0)
    x, points = torch.zeros(10, 1, 16), list(of_streams)
    others = edits_of(Edit("add", 0, 2, 1.0), of_streams, cases, control="wrong layer")
    for at, far in ((0, 2), (1, 0), (2, 0)):
        along = way(of_streams[points[far]], cases).direction
        assert (F.cosine_similarity(others[points[at]](x)[:, 0], along).abs() > 0.999).all()


def test_one_layer_has_no_wrong_one(played: Played, of_streams: dict[str, Reader]) -> None:
    alone = {"blocks.1.resid_post": of_streams["blocks.1.resid_post"]}
    with pytest.raises(ValueError, match="no other layer to edit along: give two streams or more"):
        edits_of(Edit("add", 0, 0, 1.0), alone, choose_cases(played, "flip", 4, 0), control="wrong layer")


def test_the_chosen_edit_is_the_best_of_all_candidates(
    model: GPT, played: Played, of_streams: dict[str, Reader]
) -> None:
    cases = choose_cases(played, "flip", 20, 0)
    edit, by_first = choose_edit(model, of_streams, cases)
    run, legal = LastToken(model, cases), legal_squares(cases.after, 6)
    left = {e: mistakes(run.logits(edits_of(e, of_streams, cases)), legal).float().mean().item() for e in candidates(2)}
    assert left[edit] == pytest.approx(min(left.values())) == pytest.approx(min(by_first))
    assert len(by_first) == 2
