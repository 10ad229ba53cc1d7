"""Othello-GPT's training and the finding: a tiny network on a 4x4 board, stopped, killed and measured."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from glassworks.cli.main import run as main
from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.data.games.othello import PADDING, play, replay
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.report.run_page import write_report
from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.othello import run as othello
from glassworks.reproductions.othello.recipe import GameRecipe, experiment
from glassworks.reproductions.othello.training import (
    GameBatches,
    OpenedGames,
    expected_loss,
    held_out,
    recipe_of,
    score,
    tree_size,
)
from glassworks.train.opening import open_run


def tiny(steps: int = 12, *, seed: int = 0) -> GameRecipe:
    return GameRecipe(
        scale="quick",
        size=4,
        model=GPTConfig("gpt2", 18, 16, 1, 2, 16),
        optimizer=OptimizerConfig("adamw", lr=0.01),
        batch_size=32,
        steps=steps,
        seed=seed,
        device="cpu",
        precision="float32",
    )


def repeated(folder: Path, told: GameRecipe, asked: list[str] | None = None) -> Finding:
    def part(model: GPT, where: Path) -> list[Row]:
        (asked if asked is not None else []).append(where.name)
        return list(othello.play_rows(model, told, games=60))

    return othello.repeat(told, {"play": part}, folder=folder)


def weights(folder: Path) -> dict[str, bytes]:
    return {"model": (folder / "model/model.safetensors").read_bytes()}


def test_a_batch_is_a_function_of_the_step_and_whole_legal_games() -> None:
    told = tiny()
    batches, later = GameBatches(told, torch.device("cpu")), GameBatches(told, torch.device("cpu"))
    seen = [batches(step) for step in (0, 1, 63, 64, 200)]
    for step, batch in zip((0, 1, 63, 64, 200), seen, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(batch, later(step), strict=True))
        inputs, targets, legal = batch
        assert torch.equal(legal.any(-1), targets >= 0)
        assert legal.gather(2, targets.clamp(min=0).unsqueeze(2)).squeeze(2)[targets >= 0].all()
        assert inputs.shape == targets.shape == (32, 16)
        replay(torch.where(targets < 0, PADDING, targets).to(torch.uint8), 4)  # refuses what is not legal
    assert not torch.equal(seen[0][0], seen[1][0])


def test_games_are_read_from_their_beginning_and_then_whole() -> None:
    whole, told = tiny(12), dataclasses.replace(tiny(12), growth=0.5)
    assert [told.plies(step) for step in range(12)] == [6, 6, 9, 9, 13, 13] + [16] * 6
    assert {whole.plies(step) for step in range(12)} == {16}
    for step in (0, 3, 11):
        cut, full = (GameBatches(one, torch.device("cpu"))(step) for one in (told, whole))
        assert all(torch.equal(a, b[:, : told.plies(step)]) for a, b in zip(cut, full, strict=True))


def test_training_resumes_to_the_same_weights_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = dataclasses.replace(tiny(), growth=0.8)
    repeated(tmp_path / "whole", told)
    monkeypatch.setattr(
        "glassworks.reproductions.othello.training.GameBatches", lambda *about: stopping(GameBatches(*about), at=7)
    )
    with pytest.raises(KeyboardInterrupt):
        repeated(tmp_path / "parts", told)
    assert not (tmp_path / "parts/model").exists()
    monkeypatch.undo()
    monkeypatch.setattr("glassworks.train.plan.computed", lambda *about: (torch.bfloat16, True))  # another machine
    repeated(tmp_path / "parts", told)
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert [row["step"] for row in Run(tmp_path / "parts").rows("metrics")] == list(range(1, 13))


def test_the_expected_loss_is_the_mean_over_draws_of_the_targets_and_so_is_its_gradient() -> None:
    inputs, targets, legal = (x[:4] for x in GameBatches(tiny(), torch.device("cpu"))(0))
    model = GPT(tiny().model, seed=1)
    expected = expected_loss(model, (inputs, targets, legal))
    (gradient,) = torch.autograd.grad(expected, model.head.weight)
    drawn, of_draws = [], []
    for chosen in range(60):  # a multiple of every number of legal moves, so each move is drawn equally often
        ranks = legal.cumsum(-1) - 1
        choices = legal.sum(-1, keepdim=True)
        move = (legal & (ranks == chosen % choices.clamp(min=1))).float().argmax(-1)
        drawn.append(next_token_loss(model, (inputs, move.masked_fill(~legal.any(-1), -1))))
        of_draws.append(torch.autograd.grad(drawn[-1], model.head.weight)[0])
    assert int(legal.sum(-1).max()) <= 6
    torch.testing.assert_close(expected, torch.stack(drawn).mean())
    torch.testing.assert_close(gradient, torch.stack(of_draws).mean(0))


def stopping(batches: GameBatches, at: int) -> GameBatches:
    """The same batches, but ctrl-C is pressed at a step."""
    inner = GameBatches.__call__

    class Stopping(GameBatches):
        def __call__(self, step: int) -> tuple[torch.Tensor, ...]:
            if step == at:
                os.kill(os.getpid(), signal.SIGINT)
            return inner(self, step)

    return Stopping(batches.recipe, batches.device)


@pytest.mark.slow
def test_killed_at_any_moment_the_same_call_goes_on(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; import test_othello as t; "
        "t.repeated(Path(sys.argv[1]), t.tiny(1500))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "killed"), str(Path(__file__).parent)]
    for wanted in (10, 60):  # rows of metrics.jsonl at which it is killed
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(Run(tmp_path / "killed").rows("metrics")) < wanted:
            time.sleep(0.02)
        process.kill()
        process.wait()
    assert not (tmp_path / "killed/finding.json").exists()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    repeated(tmp_path / "whole", tiny(1500))
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert (tmp_path / "killed/finding.md").read_text() == (tmp_path / "whole/finding.md").read_text()


def test_the_finding_is_saved_and_finished_parts_are_not_measured_again(tmp_path: Path) -> None:
    asked: list[str] = []
    found = repeated(tmp_path, tiny(), asked)
    assert Finding.load(tmp_path / "finding.json") == found
    assert repeated(tmp_path, tiny(), asked) == found
    assert asked == ["play"]
    assert "illegal moves, trained" in found.table()
    assert "QUICK" in found.table()
    assert [row.published for row in found.rows[:2]] == [93.29, 0.01]


def test_other_settings_and_a_second_process_are_refused(tmp_path: Path) -> None:
    repeated(tmp_path, tiny())
    with pytest.raises(RunError, match="begun with other settings"):
        repeated(tmp_path, tiny(13))
    with pytest.raises(RunError, match="begun with other settings"):
        repeated(tmp_path, dataclasses.replace(tiny(), scale="default"))
    with locked(tmp_path / ".lock"), pytest.raises(RunError, match="another process is at work"):
        repeated(tmp_path, tiny())
    with pytest.raises(ValueError, match="quick and full exclude each other"):
        othello.run(quick=True, full=True, folder=tmp_path)


def test_a_run_is_opened_with_its_games_and_commands_for_text_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repeated(tmp_path / "runs" / "games", tiny())
    monkeypatch.chdir(tmp_path)
    opened = open_run("games")
    assert isinstance(opened, OpenedGames)
    assert opened.recipe == tiny()
    assert opened.data.equal(held_out(tiny(), 2_000))
    assert 0 < score(opened.model, opened.data[:50], 4).illegal < 1
    for command in ("sample", "look", "eval", "report"):
        assert main([command, "games"]) == 2
        said = f"games is a reproduction, on games of Othello: {command} cannot use it, but reproduce othello can; read"
        assert said in capsys.readouterr().err


def test_its_page_is_not_written_over_by_that_of_a_run_of_text(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "games", reproduction={"name": "othello"})
    (run.path / "report.html").write_text("the finding", encoding="utf-8")
    with pytest.raises(RunError, match="report cannot use it, but reproduce othello can"):
        write_report(Run.open(run.path))
    assert (run.path / "report.html").read_text("utf-8") == "the finding"


def test_a_run_that_an_older_version_began_is_gone_on_with(tmp_path: Path) -> None:
    """It wrote a recipe of text, with a digest of it among the settings."""
    told = tiny()
    repeated(tmp_path, told)
    shared = {field.name for field in dataclasses.fields(Recipe)} & {field.name for field in dataclasses.fields(told)}
    recipe = dataclasses.asdict(Recipe(**{name: getattr(told, name) for name in shared}))
    recipe |= {"data": "random 4x4 Othello games", "tokenizer": "squares"}
    run = Run(tmp_path)
    run.update(recipe=recipe, reproduction=run.record["reproduction"] | {"recipe": "0123456789ab"})
    (tmp_path / "finding.json").unlink()
    assert recipe_of(run) == told
    repeated(tmp_path, told)
    with pytest.raises(RunError, match=r"other settings \(model.n_embd 16, now 32; batch_size 32, now 64\)"):
        repeated(tmp_path, dataclasses.replace(told, batch_size=64, model=dataclasses.replace(told.model, n_embd=32)))


class Oracle(torch.nn.Module):
    """Logits that are a table of the moves to come: `of` (N, T, V)."""

    def __init__(self, of: torch.Tensor) -> None:
        super().__init__()
        self.of, self.weight, self.at = of, torch.nn.Parameter(torch.zeros(1)), 0

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        self.at += len(tokens)
        return self.of[self.at - len(tokens) : self.at]


def test_the_score_of_one_who_knows_the_rules_is_perfect_and_of_one_who_avoids_them_is_nothing() -> None:
    moves = play(40, 6, seed=3).moves
    legal = torch.nn.functional.pad(replay(moves, 6).legal, (0, 1))
    perfect = score(Oracle(legal.float().log()), moves, 6, batch=16)
    assert perfect.plies == int((moves != PADDING).sum())
    assert perfect.passes == int((moves == 36).sum()) > 10
    assert perfect.illegal == perfect.missed == perfect.mass == 0
    assert perfect.loss == pytest.approx(perfect.floor, abs=1e-6)
    assert 1 < perfect.floor < 3
    wrong = score(Oracle((~legal).float() * 50), moves, 6)
    assert wrong.illegal == wrong.missed == 1
    assert wrong.mass == pytest.approx(1)
    never_passes = score(Oracle(legal.float().index_fill(2, torch.tensor([36]), -1.0)), moves, 6)
    assert (never_passes.illegal, never_passes.missed) == (0, 1)
    always_passes = score(Oracle(torch.eye(38)[36].expand(*legal.shape)), moves, 6)
    assert (always_passes.illegal, always_passes.missed) == (1, 0)
    uniform = score(Oracle(torch.zeros(*legal.shape)), moves, 6)
    assert uniform.loss == pytest.approx(torch.tensor(38.0).log().item(), abs=1e-5)


def test_held_out_games_are_none_of_the_training_ones() -> None:
    told = experiment("quick")
    moves = held_out(told, 50)
    assert moves.shape == (50, 36)
    targets = GameBatches(told, torch.device("cpu"))(0)[1]
    trained = {tuple(game) for game in targets.tolist()}
    assert not trained & {tuple(-1 if m == PADDING else m for m in game) for game in moves.tolist()}


def test_the_tree_of_the_small_board_is_counted_right() -> None:
    """All 4x4 games can be counted: 60,060 by plain enumeration."""
    games = play(40_000, 4, seed=0).moves
    assert tree_size(games, 4) == pytest.approx(torch.tensor(60_060.0).log10().item(), abs=0.02)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "steps (=0) must be at least 1"),
        (["--seed", "-1"], "seed (=-1) must be at least 0"),
        (["words.txt"], "'words.txt' is one word too many"),
        (["--quick", "--full"], "--full is all of it, and --quick less: leave one out"),
    ],
)
def test_a_mistake_on_the_command_line_gets_one_clear_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "othello", *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_command_repeats_it_in_a_folder_of_its_own_and_prints_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")  # no row is folded
    monkeypatch.setattr(othello, "experiment", lambda scale, *, seed, steps: tiny(steps or 12, seed=seed))
    monkeypatch.setattr(
        othello, "parts_of", lambda told: {"play": lambda m, _: list(othello.play_rows(m, told, games=40))}
    )
    assert main(["reproduce", "othello", "--quick", "--steps", "3"]) == 0
    out = capsys.readouterr().out
    assert "illegal moves, trained" in out
    assert "saved: runs/othello-quick/finding.json, finding.md" in out
    assert Run(Path("runs/othello-quick")).record["reproduction"]["steps"] == 3


@pytest.mark.parametrize("scale", ["quick", "default", "full"])
def test_the_scales_are_what_they_say(scale: str) -> None:
    told = experiment(scale)
    with torch.device("meta"):
        params = GPT(told.model).num_params()
    if scale == "full":
        assert told.size == 8
        assert 25e6 < params < 26e6
        assert 20_000_000 <= told.games < 20_001_000
    else:
        assert told.size == 6
        assert params < 2e6
        assert told.games < 2_000_000
