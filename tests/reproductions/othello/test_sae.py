"""Autoencoders judged by the board: made latents that know it, that do not, and what is kept between runs."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from glassworks.data.games.othello import vocab_size
from glassworks.interpret.access.stream import Batches
from glassworks.interpret.neurons.sae import SAE, SAEConfig
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello import sae as othello_sae
from glassworks.reproductions.othello.games import Played, fresh
from glassworks.reproductions.othello.lines import MINE, YOURS
from glassworks.reproductions.othello.sae import QUICK, Amount, f1, fit, games_of, judge, middle_layer, properties, rows

TINY = Amount(steps=3, fitted=64, chosen=12, judged=10, expansion=2)


def small(*, layers: int = 2) -> GPT:
    return GPT(GPTConfig("gpt2", vocab_size(6), 36, layers, 2, 16), seed=3).eval()


@pytest.fixture(scope="module")
def both() -> tuple[Tensor, Tensor]:
    """The properties of some games, and of others."""
    first, second = games_of(small(), 6, Amount(chosen=100, judged=80), 1)
    return properties(first), properties(second)


def test_properties_are_mine_then_yours() -> None:
    played = fresh(small(), 6, games=5, seed=0)
    found, board = properties(played), played.board[played.present]
    assert found.shape == (len(board), 72)
    assert torch.equal(found[:, 7], board[:, 7] == MINE)
    assert torch.equal(found[:, 36 + 7], board[:, 7] == YOURS)


def test_f1_is_the_mean_of_precision_and_recall() -> None:
    said = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]]).bool()
    true = torch.tensor([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]).bool()
    assert f1(said, true).tolist() == pytest.approx([2 / 3, 0, 0])


def test_latents_that_are_the_board_rebuild_it(both: tuple[Tensor, Tensor]) -> None:
    chosen, judged = both
    noise = torch.rand(len(chosen), 8), torch.rand(len(judged), 8)
    found = judge(torch.cat([3.0 * chosen, noise[0]], 1), chosen, torch.cat([3.0 * judged, noise[1]], 1), judged)
    assert found == {"board": pytest.approx(1, abs=1e-6), "coverage": pytest.approx(1, abs=1e-6)}


def test_latents_of_parts_of_a_property_rebuild_it_together_and_cover_little(both: tuple[Tensor, Tensor]) -> None:
    """Each property is split over three latents, each of which is sure of it: the union tells the board."""
    split = []
    for labels in both:
        third = torch.randint(3, labels.shape, generator=torch.Generator().manual_seed(0))
        split.append(torch.cat([(labels & (third == i)).float() for i in range(3)], 1))
    found = judge(split[0], both[0], split[1], both[1])
    assert found["board"] > 0.95
    assert found["coverage"] < 0.6


def test_latents_that_are_often_wrong_cover_and_do_not_rebuild(both: tuple[Tensor, Tensor]) -> None:
    """One in five firings is no sign of the property: not sure enough to count."""
    wrong = [torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) < 0.2 for labels in both]
    latents = [(labels | misfires).float() for labels, misfires in zip(both, wrong, strict=True)]
    found = judge(latents[0], both[0], latents[1], both[1])
    assert found["coverage"] > 0.6
    assert found["board"] < 0.3


def test_what_was_sure_by_chance_does_not_count_on_other_games(both: tuple[Tensor, Tensor]) -> None:
    """Latents that know the first games' boards by heart, and fire at random on others."""
    chosen, judged = both
    others = judged[torch.randperm(len(judged), generator=torch.Generator().manual_seed(0))]
    found = judge(chosen.float(), chosen, others.float(), judged)
    assert found["board"] < 0.7


def test_the_layer_is_the_published_one_where_there_are_eight() -> None:
    assert [middle_layer(small(layers=n)) for n in (1, 4, 5, 8)] == [0, 2, 3, 5]


def test_games_are_judged_that_no_latent_was_named_on_or_fitted_to() -> None:
    model = small()
    chosen, judged = ({tuple(game) for game in played.inputs.tolist()} for played in games_of(model, 6, QUICK, 0))
    fitted = {tuple(game) for game in fresh(model, 6, games=QUICK.fitted, seed=0).inputs.tolist()}
    assert chosen <= fitted
    assert not judged & fitted


def test_half_an_autoencoder_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a fit ends it before its last step: the part is measured again."""
    monkeypatch.setattr(othello_sae, "QUICK", TINY)

    whole = othello_sae.fit_sae

    def stopped(model: GPT, batches: Batches, *about: Any, **more: Any) -> SAE:
        def batch(step: int) -> Any:
            if step == 1:
                os.kill(os.getpid(), signal.SIGINT)
            return batches(step)

        return whole(model, batch, *about, **more)

    monkeypatch.setattr(othello_sae, "fit_sae", stopped)
    with pytest.raises(KeyboardInterrupt):
        rows(small(), size=6, seed=0, quick=True, folder=tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_rows_have_controls_and_finished_parts_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(othello_sae, "QUICK", TINY)

    def call() -> list[Row]:
        return rows(small(), size=6, seed=0, quick=True, folder=tmp_path / "dictionary")

    found = call()
    assert len({row.what for row in found}) == len(found) == 7
    assert [row.published for row in found[:4]] == [0.952, 0.881, 0.427, 0.52]
    assert all("8x8" in row.note for row in found[:4])
    assert all(row.ours is not None and 0 <= row.ours <= 1 for row in found)
    (tmp_path / "dictionary" / "neurons.json").unlink()
    monkeypatch.setattr(othello_sae, "latents_of", lambda *_: pytest.fail("measured again"))
    assert call() == found
    monkeypatch.setattr(othello_sae, "neurons_of", lambda *_: pytest.fail("measured again"))
    assert call() == found


def test_the_same_seed_gives_the_same_figures() -> None:
    model = small()
    played: Played = fresh(model, 6, games=64, seed=0)
    one, two = (fit(model, "blocks.1.resid_post", SAEConfig(latents=32, k=4), played, 3, 0) for _ in range(2))
    assert torch.equal(one.decoder, two.decoder)
