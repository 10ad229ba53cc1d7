"""What the Othello page is told is what torch computes: moves, the board that probes read, edits and their controls."""

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.data.games.othello import play, replay, tokens_of
from glassworks.interpret.access.hooks import capture, patch
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.reproductions.othello.recipe import experiment
from glassworks.reproductions.othello.world import Amount, kept_probes, probe_part, streams
from glassworks.studio.networks import boards
from glassworks.studio.networks.boards import opened
from glassworks.studio.questions.othello import edit, game, network, neuron, position
from glassworks.studio.studio import Studio

MOVES = [int(move) for move in play(1, 6, 3).moves[0, :9]]


def game_run(path: Path, *, probes: bool) -> Run:
    """A run of an untrained network with two small layers, and perhaps probes of it."""
    recipe = experiment("quick", steps=1)
    shape = dataclasses.replace(recipe.model, n_layer=2, n_head=2, n_embd=16)
    model = GPT(shape, seed=3).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # fresh weights are too small to tell one board from another
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator))
    about = dataclasses.asdict(dataclasses.replace(recipe, model=shape))
    run = Run.create(path, command=["glassworks"], reproduction={"name": "othello"}, recipe=about)
    save_model(model, path / "model")
    if probes:
        (path / "evals" / "world").mkdir(parents=True)
        probe_part({"": model, "_scrambled": model}, 6, Amount(fitted=20, judged=5), 1, path / "evals" / "world")
    return run


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    root = tmp_path_factory.mktemp("runs")
    game_run(root / "othello", probes=True)
    return Studio(root)


def test_a_position_is_the_games_and_its_chances_are_the_models(studio: Studio) -> None:
    found, table = position(studio, "othello", MOVES), opened(studio, "othello")
    played = replay(torch.tensor([[*MOVES, 255]], dtype=torch.uint8), 6)
    inputs, _ = tokens_of(played.moves, 6, 10)
    points = streams(table.opened.model)[1:]
    with torch.no_grad(), capture(table.opened.model.eval(), points) as seen:
        chances = table.opened.model(inputs)[0, -1].softmax(-1)
    assert torch.equal(found["board"], played.board[0, -1])
    assert torch.equal(found["legal"], played.legal[0, -1])
    torch.testing.assert_close(found["chances"], chances[:37])
    allowed = chances[:37][played.legal[0, -1]].sum()
    assert found["illegal"] == pytest.approx(1 - allowed.item(), abs=1e-6)
    probes = kept_probes(table.run.path / "evals" / "world", table.opened.model)
    for i, point in enumerate(points):
        torch.testing.assert_close(found["says"][i], probes(point, seen[point][0, -1]).detach().softmax(-1))


def test_kept_probes_read_what_those_that_were_fitted_read(studio: Studio, tmp_path, monkeypatch) -> None:
    found = network(studio, "othello")
    assert found["kept"]
    assert found["layers"] == 2
    monkeypatch.setattr(boards, "GAMES", 20)
    game_run(tmp_path / "bare", probes=False)
    bare = Studio(tmp_path)
    assert not network(bare, "bare")["kept"]
    says = position(bare, "bare", MOVES)["says"]  # fitted on other games of as many
    assert says.shape == (2, 36, 3)
    torch.testing.assert_close(says.sum(-1), torch.ones(2, 36))
    torch.testing.assert_close(position(bare, "bare", MOVES)["says"], says)


def test_an_edit_moves_the_stream_along_the_probe_and_its_control_as_far(studio: Studio) -> None:
    here, table = position(studio, "othello", MOVES), opened(studio, "othello")
    square = int((here["board"] == 2).nonzero()[0])
    found = edit(studio, "othello", MOVES, square, 1, how="add", first=1, last=1, strength=2.0)
    torch.testing.assert_close(found["chances"][0], here["chances"])
    point = table.points[1]
    weight, mean = table.probes.weight(point), table.readers[point].mean
    along = F.normalize(weight[square, 1] - weight[square, 2], dim=0)
    far = 2.0 * float((mean[square, 1] - mean[square, 2]) @ along)
    assert found["moved"] == [pytest.approx(abs(far), rel=1e-4)]
    inputs, _ = tokens_of(torch.tensor([[*MOVES, 255]], dtype=torch.uint8), 6, 10)
    with torch.no_grad(), patch(table.opened.model, {point: lambda x: x + far * along}, positions=[-1]):
        expected = table.opened.model(inputs)[0, -1].softmax(-1)[:37]
    torch.testing.assert_close(found["chances"][1], expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(found["chances"][2], found["chances"][1])
    nothing = edit(studio, "othello", MOVES, square, 1, how="add", first=0, last=1, strength=0.0)
    for row in nothing["chances"]:
        torch.testing.assert_close(row, nothing["chances"][0])


def test_a_neuron_is_the_models(studio: Studio) -> None:
    found, table = neuron(studio, "othello", 1, 5, MOVES), opened(studio, "othello")
    inputs, _ = tokens_of(torch.tensor([[*MOVES, 255]], dtype=torch.uint8), 6, 10)
    with torch.no_grad(), capture(table.opened.model, "blocks.1.mlp.post") as seen:
        table.opened.model(inputs)
    assert found["value"] == pytest.approx(seen["blocks.1.mlp.post"][0, -1, 5].item(), abs=1e-6)
    assert found["states"].shape == (36, 3)
    assert found["mean"] <= found["highest"]
    values = [rule["value"] for rule in found["rules"]]
    assert values == sorted(values, reverse=True)
    assert 0 < len(values) <= 4
    assert found["shuffled"] < found["explained"] <= 1


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda studio: position(studio, "othello", [0]), "is not legal"),
        (lambda studio: position(studio, "othello", [99]), "whole numbers from 0 to 36"),
        (lambda studio: position(studio, "othello", MOVES * 5), "take some back"),
        (lambda studio: edit(studio, "othello", [], 1, 1), "at least one move"),
        (lambda studio: edit(studio, "othello", MOVES, 99, 1), "must be below 36"),
        (lambda studio: edit(studio, "othello", MOVES, 14, 0), "middle are never empty"),
        (lambda studio: edit(studio, "othello", MOVES, 0, 1, first=1, last=0), "to a later one of 2"),
        (lambda studio: neuron(studio, "othello", 2, 0, MOVES), r"layer \(=2\)"),
        (lambda studio: game(studio, "othello", -1), "number"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(studio: Studio, ask, line) -> None:
    with pytest.raises(ValueError, match=line):
        ask(studio)


def test_a_run_of_another_kind_is_refused(tmp_path) -> None:
    Run.create(tmp_path / "text", kind="text", recipe={}, plan={"steps": 1}, command=["glassworks"])
    with pytest.raises(RunError, match="reproduce othello"):
        network(Studio(tmp_path), "text")
