"""What the report says: code as code, what was read, what is known of optimizers, differences and verdicts."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.report.test_run_page import Reader, make_run

from glassworks.draw.code import is_code
from glassworks.report.contents import read_contents
from glassworks.report.run_page import write_report
from glassworks.report.training_curves import optimizer_figures, update_guide
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

PYTHON = "def add(a, b):\n    return a + b\n\n\nclass Sum:\n    def __init__(self):\n        self.total = 0\n"
VERSE = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak, (and be quick).\n"


@pytest.mark.parametrize(("text", "code"), [(PYTHON, True), (VERSE, False)])
def test_code_keeps_its_columns_and_prose_stays_prose(tmp_path: Path, text: str, code: bool) -> None:
    run = make_run(tmp_path / "run")
    run.append("samples", {"step": 120, "prompt": "", "text": text})
    trace = Trace("surprise", {"nats": np.ones(len(text))}, {"nats": ("token",)}, {"token": list(text)})
    trace.save(run.path / "traces" / "surprise")
    page = Reader(write_report(run).read_text("utf-8"))
    assert len(page.find(class_="code")) == (2 if code else 0)


def test_a_text_stands_beside_itself_as_read_from_one_token_to_the_next() -> None:
    arrays = {"nats": np.array([10.0, 2.0]), "nats_alone": np.array([4.0, 2.0])}
    trace = Trace("surprise", arrays, dict.fromkeys(arrays, ("token",)), {"token": ["a", "b"]})
    page = Reader(trace_figure(trace))
    spans = [(attrs["class"], attrs["title"].split("\n")[2]) for _, attrs in page.elements if "title" in attrs]
    told = [f"reading only the token before {x} nats" for x in ("4.00", "2.00")]
    assert spans == list(zip(["surprise15", "surprise3", "surprise6", "surprise3"], [*told, *told], strict=True))
    assert "Where it has read all before: 6.00 nats a token" in page.text
    assert "Where it has read only the token before: 3.00 nats a token" in page.text
    arrays["nats_baseline"] = arrays.pop("nats_alone")  # of an earlier version, which meant something else by it
    earlier = Reader(trace_figure(Trace("surprise", arrays, dict.fromkeys(arrays, ("token",)), {"token": ["a", "b"]})))
    assert "only the token before" not in earlier.text + str(earlier.elements)


def test_a_page_of_comments_is_code_and_a_page_of_headings_is_not() -> None:
    assert is_code("# one\n# two words\n# three\n")
    assert not is_code("# A title\n\nA paragraph of text.\n\nAnother one.\n\nAnd one more.\n")
    assert not is_code("short")


@pytest.mark.parametrize(
    ("optimizer", "said", "level"),
    [
        ("muon", "says nothing here", 0.003),
        ("adamw", "rule of thumb", 1e-3),
        ("sgd", "rule of thumb", 1e-3),
        ("cma_es", "of cma_es no figure is known", None),
        (None, "does not name", None),
    ],
)
def test_update_ratios_are_judged_by_what_is_known_of_the_optimizer(
    tmp_path: Path, optimizer: str | None, said: str, level: float | None
) -> None:
    run = make_run(tmp_path / "run")
    run.update(recipe={"optimizer": {"name": optimizer}})
    guide, about = update_guide(read_contents(run))
    assert said in about
    assert guide.get(False) == level
    assert "healthy" not in about
    assert about in write_report(run).read_text("utf-8")


@pytest.mark.parametrize("failed", [0.0, 2.0])
def test_what_a_search_says_of_its_generations_is_drawn(tmp_path: Path, failed: float) -> None:
    run = make_run(tmp_path / "run")
    for step in (100, 101, 102):
        numbers = {"sigma": 0.1 / step, "best": 1.5, "failed": failed, "forwards": 65.0 * step}
        run.append("metrics", {"step": step, "loss": 2.0, "lr": 0.01, "seconds": 1.0, **numbers})
    page = str(optimizer_figures(read_contents(run)))
    for title in ("how far candidates lie: sigma", "lowest loss of a generation", "forward passes so far"):
        assert title in page
    assert ("candidates without a loss" in page) == (failed > 0)


def test_whatever_scrolls_can_be_reached_by_the_keyboard(tmp_path: Path) -> None:
    page = Reader(write_report(make_run(tmp_path / "run")).read_text("utf-8"))
    boxes = [attrs for _, attrs in page.elements if "scroll" in (attrs.get("class") or "").split()]
    assert len(boxes) >= 4  # the comparison, the grid of heads, the enlarged one, the lens
    assert all(attrs.get("tabindex") == "0" for attrs in boxes)


def test_differences_stand_beside_the_scores_with_their_verdicts(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    held_out = run.read_eval("held_out")
    told = {"bits_per_byte": -0.25, "se": 0.02, "low": -0.29, "high": -0.21, "documents": 12, "verdict": "beats"}
    unknown = {"bits_per_byte": 0.5, "se": None, "low": None, "high": None, "documents": 1, "verdict": ""}
    held_out["baselines"] = [{"name": "a", "difference": told}, {"name": "b", "difference": unknown}, {"name": "c"}]
    run.eval_path("held_out").write_text(json.dumps(held_out))
    text = Reader(write_report(run).read_text("utf-8")).text
    assert "−0.250−0.290 to −0.210beats" in text
    assert "+0.500no interval" in text


def test_it_says_what_was_read_and_what_was_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    skipped = [{"name": f"<{i}>.txt", "why": "is binary"} for i in range(5)]
    columns = [{"column": "text", "files": 2, "first": "a.jsonl"}, "no row", {"column": "lacks the rest"}]
    run.update(
        corpus={"train_tokens": 12_000, "train_documents": 30, "held_out_tokens": 900, "held_out_documents": 1}
        | {"columns": columns, "skipped": skipped}
    )
    page = Reader(write_report(run).read_text("utf-8")).text
    assert "30 documents with 11,970 tokens; 1 document with 899 tokens, 7 % of the text, are held out." in page
    assert 'the column "text" of a.jsonl and 1 more' in page
    assert "left out: 5 files: <0>.txt (is binary), <1>.txt, <2>.txt and 2 more" in page
    run.update(corpus={"skipped": "all", "columns": None})
    write_report(run)
