"""`glassworks losses` and `glassworks metrics`: the list, one in full, and mistakes in one line."""

from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.objectives.catalogue.table import LOSSES, METRICS


def test_every_loss_is_listed_and_one_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["losses"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}: " in listed for name in LOSSES)
    assert run(["losses", "log-cosh, mae"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line in LOSSES] == ["log_cosh", "mae"]
    assert run(["losses", "--task", "regression", "--find", "counts"]) == 0
    assert "poisson: " in capsys.readouterr().out


def test_a_page_has_those_that_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["losses", "mae,focal", "--out", str(tmp_path / "losses.html")]) == 0
    assert capsys.readouterr().out.endswith("losses.html\n")
    page = (tmp_path / "losses.html").read_text(encoding="utf-8")
    assert page.count("<section") == 2
    assert run(["losses", "--task", "survival", "--out", str(tmp_path / "all.html")]) == 0
    assert (tmp_path / "all.html").read_text(encoding="utf-8").count("<section") == 1


def test_so_are_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["metrics"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}: " in listed for name in METRICS)
    assert run(["metrics", "mase,roc-auc"]) == 0
    shown = capsys.readouterr().out
    assert "from sklearn.metrics import roc_auc_score" in shown
    assert "computed by  scikit-learn" in shown
    assert run(["metrics", "rmsee"]) == 2
    assert "there is no metric 'rmsee': did you mean rmse?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["hubber"], "there is no loss 'hubber': did you mean huber?"),
        (["mse,hubber"], "there is no loss 'hubber': did you mean huber?"),
        (["--task", "regresion"], "there is no task 'regresion'"),
        (["--find", "xyzzy"], "no loss speaks of 'xyzzy'"),
        (["mse", "--find", "median"], "--task and --find make a list shorter"),
    ],
)
def test_mistakes_are_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["losses", *words]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert len(said.splitlines()) == 1
