"""`glassworks optimizers`: the list, one in full, the page of candidates that move, and mistakes in one line."""

from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.optim.catalogue import METHODS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_optimizer_is_listed_and_one_is_shown_in_full(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["optimizers"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}: " in listed for name in METHODS)
    assert run(["optimizers", "sep-cma-es"]) == 0
    assert "--optimizer.sigma" in capsys.readouterr().out
    assert run(["optimizers", "mezo, forward-gradient,spsa"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line in METHODS] == ["mezo", "forward_gradient", "spsa"]


def test_candidates_move_over_a_function_on_a_page(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["snes,cma-es", "--on", "sphere", "--generations", "2"]
    assert run(["optimizers", *words]) == 0
    out = capsys.readouterr().out
    assert "snes: lowest loss" in out
    assert out.endswith("population.html\n")
    page = (home / "population.html").read_text(encoding="utf-8")
    assert page.count('<figure class="population"') == 2
    assert "sphere, a round bowl" in page.lower()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["cma-ess"], "there is no optimizer 'cma-ess': did you mean cma_es?"),
        (["snes,cma-ess"], "there is no optimizer 'cma-ess': did you mean cma_es?"),
        (["--on", "rosenbrock"], "--on goes with an optimizer"),
        (["snes", "--on", "rosenbrok"], "neither a run nor a test function"),
        (["snes,", "--on", "sphere"], "there is no optimizer ''"),
        (["snes", "--on", "sphere", "--generations", "0"], "--generations"),
        (["feedback-alignment", "--on", "sphere"], "feedback_alignment"),
    ],
)
def test_mistakes_are_one_line(words: list[str], line: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["optimizers", *words]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert len([each for each in said.splitlines() if each.startswith("glassworks:")]) == 1
