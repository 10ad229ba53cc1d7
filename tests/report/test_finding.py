"""The pages of reproductions: true of what they keep, well formed, and unharmed by what is missing or hostile."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from tests.report.test_run_page import HOSTILE as UNWRITABLE
from tests.report.test_run_page import Reader

from glassworks.core.runs import Run
from glassworks.data.text.words import NAMES_SHA256
from glassworks.report.finding import STORIES, write_finding_page
from glassworks.reproductions import REPRODUCTIONS
from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.makemore.rows import LOSSES

HOSTILE = UNWRITABLE.replace("\ud800", "")

SIZE = 4
MAKEMORE = [
    Row("any: guessing uniformly, ln V", 3.2958, 3.2958),
    Row("2: bigram by counts + 1", 2.4765, 2.4546),
    *(
        Row(f"{label}: dev", published, 2.5 - 0.02 * i, tolerance=0.01)
        for i, (label, _, published) in enumerate(LOSSES.values())
    ),
]
OTHELLO = [
    Row("illegal moves, random weights", 93.29, 84.0, "%"),
    Row("illegal moves, trained", 0.01, 0.25, "%"),
    *(Row(f"probe {{mine, yours, empty}}, x{x}", 90.0 + x, 60.0 + 10 * x, "%") for x in range(3)),
    *(Row(f"probe {{black, white, empty}}, x{x}", 70.0, 60.0 + x, "%") for x in range(3)),
    Row("mine/yours probe, best layer", 99.6, 81.25, "%"),
    Row("mine/yours probe, scrambled weights", 37.0, 55.0, "%"),
    Row("each square's commonest state", 61.8, 51.5, "%"),
    Row("flip a square: no edit (null)", 2.72, 2.5, "mistakes"),
    Row("flip a square: edited", 0.1, 0.5, "mistakes"),
    Row("best one of SAE latents", 0.52, 0.375, "F1"),
]


def make(folder: Path, name: str, rows: list[Row], *, words: str = NAMES_SHA256) -> Run:
    """A finished reproduction's folder with its rows alone."""
    run = Run.create(folder, command=[], reproduction={"name": name, "words": words})
    Finding(HOSTILE, "source", "https://example.org", tuple(rows), notes=(HOSTILE,)).save(folder / "finding.json")
    return run


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def drawn(run: Run) -> str:
    """The page, which must be well formed and ask nothing of the network."""
    page = write_finding_page(run.path).read_text("utf-8")
    reader = Reader(page)
    assert not [attrs for _, attrs in reader.elements if "src" in attrs]
    assert len(reader.find(id="table")) == 1
    assert "<script>alert" not in page
    assert "nan" not in re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.S)
    return page


def test_every_reproduction_has_a_page() -> None:
    assert list(STORIES) == list(REPRODUCTIONS)


def test_makemore_draws_losses_curves_and_words(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "makemore", MAKEMORE)
    for name in LOSSES:
        write(run.eval_path(name), {"curve": [[100, 3.0], [200, 2.5]], "samples": ["emma", "<b>", ""]})
    write(run.eval_path("bigram"), {"samples": ["akasha"]})
    write(run.eval_path("deep"), {f"{key}_{i}": 0.01 for key in ("saturated", "gradient", "update") for i in range(7)})
    page = drawn(run)
    assert "Guessing costs 3.30 nats a character, counting pairs 2.45, and the best network, “the tree, wider”" in page
    assert "2.300 on words that it never saw; the same ends on 1.993 in the lecture." in page
    assert page.index("nats a character, held out") < page.index("nats a character, in training") < page.index("akasha")
    assert "guessing 3.30 ↑" in page  # above the axis, which has room for what the networks do
    assert page.index("line line1 line") < page.index("line line0 dots")  # ours lie over the published
    assert "emma" in page
    assert "&lt;b&gt;" in page


def test_other_words_are_not_set_beside_the_lectures(tmp_path: Path) -> None:
    rows = [dataclasses.replace(row, tolerance=None) for row in MAKEMORE]
    page = drawn(make(tmp_path / "run", "makemore", rows, words="others"))
    assert "The published figures are of other words" in page
    assert "in the lecture." not in page


def test_the_headline_compares_what_the_table_compares(tmp_path: Path) -> None:
    rows = [dataclasses.replace(row, tolerance=None) for row in MAKEMORE]  # as in a quick run
    page = drawn(make(tmp_path / "run", "makemore", rows))
    assert "2.300 on words that it never saw.</p>" in page
    assert '<th scope="col">verdict</th>' in page
    assert page.count('<th scope="col">', page.index('id="table"')) == 4  # a phone has room for


def position(**changed: Any) -> dict[str, Any]:
    board = [0] * SIZE**2
    board[5], board[6] = 1, 2
    told = {"ply": 3, "board": board, "read": [*board[:6], 1, *board[7:]], "legal": [1] + [0] * SIZE**2}
    return {**told, "chance": [0.9] + [0.1 / SIZE**2] * SIZE**2, **changed}


def test_othello_draws_play_probes_and_boards(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "othello", OTHELLO)
    for step in (10, 20):
        run.append("metrics", {"step": step, "loss": 2.0, "illegal": 0.5 / step})
    write(run.path / "evals" / "world" / "probes.json", {"examples": {"layer": 2, "positions": [position()]}})
    page = drawn(run)
    assert "it makes an illegal one 0.25 % of the time, with its weights shuffled 84 %" in page
    assert "a linear probe reads 81.2 % of all squares" in page
    pictures = ("illegal moves, %", "squares read right, %", "<caption>read from inside")
    assert [page.index(what) for what in pictures] == sorted(page.index(what) for what in pictures)
    assert "15 of 16 squares read right; 1 legal moves hold 90.0 %" in page
    assert len(Reader(page).find(class_="wrong")) == 1
    assert "the likeliest, a1, is legal." in page


@pytest.mark.parametrize("name", ["makemore", "othello"])
@pytest.mark.parametrize("some", [0, 1, 3])
def test_what_is_missing_is_said(tmp_path: Path, name: str, some: int) -> None:
    rows = [dataclasses.replace(row, ours=None) for row in (MAKEMORE if name == "makemore" else OTHELLO)]
    page = drawn(make(tmp_path / "run", name, rows[:some]))
    assert "This run did not measure" in page
    assert "did not keep what would be drawn here" in page


def test_damaged_parts_are_left_out(tmp_path: Path) -> None:
    run = make(tmp_path / "makemore", "makemore", MAKEMORE)
    write(run.eval_path("tree"), {"curve": [[1], "x", [10, math.nan], [20, None]], "samples": "none"})
    run.eval_path("flat_3").write_bytes(b"\xff{")
    drawn(run)
    run = make(tmp_path / "othello", "othello", OTHELLO)
    bad = [position(board=[]), position(read=[1]), position(chance=[math.nan] * (SIZE**2 + 1)), {}, None, 3]
    write(run.path / "evals" / "world" / "probes.json", {"examples": {"positions": bad}})
    drawn(run)
