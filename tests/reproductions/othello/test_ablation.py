"""What is lost without pattern neurons, and every control of it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from glassworks.data.games.othello import vocab_size
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.ablation import ablation, ablation_rows, draw, misses, ratio, without
from glassworks.reproductions.othello.games import fresh
from glassworks.reproductions.othello.lines import lines


def small(size: int = 6, *, layers: int = 2) -> GPT:
    return GPT(GPTConfig("gpt2", vocab_size(size), size * size, layers, 2, 16), seed=3)


def test_ablation_takes_from_the_move_that_the_neuron_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neuron that is given the line and raises its move's logit: only that move loses."""
    model = GPT(GPTConfig("gpt2", vocab_size(6), 36, 1, 2, 64, tied=False), seed=3)
    played = fresh(model, 6, games=20, seed=0, first=2**20)
    table = lines(6)
    shown = table.present(played.board.flatten(0, 1)).view(*played.inputs.shape, -1)
    line = int(shown.sum((0, 1)).argmax())
    move = int(table.square[line])
    with torch.no_grad():
        for weight in (model.blocks[0].mlp.up.weight, model.blocks[0].mlp.down.weight, model.head.weight):
            weight.zero_()
        model.head.weight[move] = 0.1 * torch.linspace(-1, 1, 64)
        model.blocks[0].mlp.down.weight[:, 0] = 0.1 * torch.linspace(-1, 1, 64)  # beside embeddings of 0.02
        model.blocks[0].mlp.down.weight[:, 1] = -0.04 * torch.linspace(-1, 1, 64)
    given = shown[..., line, None].float().expand(*shown.shape[:-1], 2)

    def forward(self: torch.nn.Module, x: Tensor) -> Tensor:
        return self.down(self.post(torch.nn.functional.pad(given, (0, 254))))  # type: ignore[operator]

    monkeypatch.setattr(type(model.blocks[0].mlp), "forward", forward)
    lost = ablation(model, 6, 20, 0, {"neurons": [[0, 0, [line]], [0, 1, [line]]]})
    assert lost["moves"] == lost["for_neurons"] == lost["against_neurons"] == 1
    assert lost["for_matched"] > lost["matched"] > 0 > lost["against_matched"]
    assert "rival_matched" not in lost
    assert lost["matched"] > 0.1
    assert lost["control_matched"] == pytest.approx(0, abs=1e-6)
    assert lost["elsewhere"] < lost["matched"] / 3


def test_nothing_is_ablated_without_pattern_neurons() -> None:
    assert ablation(small(), 6, 5, 0, {"neurons": []}) == {"moves": 0}


def test_without_sets_neurons_to_their_means_and_no_others() -> None:
    model = small()
    played = fresh(model, 6, games=4, seed=0)
    means = {f"blocks.{i}.mlp.post": torch.zeros(64) for i in range(2)}
    plain = model(played.inputs).softmax(-1)
    assert torch.allclose(without(model, played, [], means), plain, atol=1e-6)
    assert not torch.allclose(without(model, played, [(1, 5)], means), plain, atol=1e-6)


def test_control_neurons_are_as_many_of_each_layer_and_none_of_the_move() -> None:
    neurons = [(0, 1), (0, 2), (3, 7)]
    pool = [(layer, neuron) for layer in range(4) for neuron in range(8)]
    drawn = [draw(neurons, pool, torch.Generator().manual_seed(seed)) for seed in range(9)]
    for chosen in drawn:
        assert sorted(layer for layer, _ in chosen) == [0, 0, 3]
        assert len(set(chosen)) == 3
        assert not set(chosen) & set(neurons)
    assert len({tuple(chosen) for chosen in drawn}) > 5
    assert draw(neurons, [(0, 1), (0, 5), (2, 2)], torch.Generator()) == [(0, 5)]


def test_the_harder_control_is_of_other_moves_lines_in_the_same_layers() -> None:
    model = small()
    table = lines(6)
    of = [int((table.square == square).nonzero()[0]) for square in (0, 5)]
    neurons = [[0, 1, of[:1]], [0, 2, of[:1]], [0, 3, of[1:]], [1, 4, of[1:]]]
    two = ablation(model, 6, 20, 0, {"neurons": neurons})
    assert two["moves"] == 2
    assert two["neurons"] == two["control_neurons"] == 2
    assert two["rival_neurons"] == 1  # one of the other move's in layer 0, for both
    alone = ablation(model, 6, 20, 0, {"neurons": [[0, 1, of[:1]], [1, 4, of[:1]]]})
    assert "control_matched" in alone
    assert "rival_matched" not in alone


LOST: dict[str, Any] = {"moves": 4, "neurons": 3.0, "before": 0.2, "matched": -0.06, "beside": 0.0, "elsewhere": 0.01}
LOST |= {"missed": 0.3, "missed_elsewhere": 0.05, "changed": 0.06, "changed_elsewhere": 0.01}
LOST |= {f"control_{name}": 0.003 for name in ("matched", "changed", "missed")}
LOST |= {"for_neurons": 2.0, "for_matched": 0.02, "against_neurons": 1.0, "against_matched": -0.08}
RIVALS = {"rival_matched": 0.01, "rival_changed": 0.02, "rival_missed": 0.1, "rival_neurons": 2.5}


def ratios(lost: dict[str, Any]) -> dict[str, Row]:
    return {row.what: row for row in ablation_rows(lost) if row.unit == "ratio"}


def test_the_published_ratio_stands_beside_ours() -> None:
    """Of what is lost, as published; and of changes either way, as a neuron may hold a move down."""
    found = ratios(LOST | RIVALS)
    assert [row.ours for row in found.values()] == pytest.approx([6, 100, 3, 6, 20, 3])
    published = found["moves that drop out, times those of control patterns"]
    assert published.published == 5
    assert "5 to 10" in published.note
    assert sum(row.published is not None for row in found.values()) == 1


def test_no_ratio_to_a_control_that_lost_nothing_or_is_not_there() -> None:
    found = ratios(LOST | {"missed_elsewhere": -0.01, "control_missed": 1e-6})
    assert [row.ours is None for row in found.values()] == [True, True, True, False, False, True]
    assert "shows less than" in found["moves that drop out, times those of control patterns"].note
    assert found["moves that drop out, times those of other moves' neurons"].note == "no other move has any"
    assert ratio(-0.02, 0.01) == -2


def test_misses_are_legal_moves_that_rank_too_low() -> None:
    legal = torch.tensor([[[True, False, True, False]]])
    assert misses(torch.tensor([[[0.1, 0.2, 0.4, 0.3]]]), legal).tolist() == [[[True, False, False, False]]]
    assert not misses(torch.tensor([[[0.4, 0.2, 0.3, 0.1]]]), legal).any()
