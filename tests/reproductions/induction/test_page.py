"""The induction page: true of the run that it shows, complete, well formed, and offline."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.runs import Run
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.induction.page import NAMES, story
from glassworks.reproductions.induction.rows import finding
from glassworks.reproductions.page import page
from glassworks.trace.trace import Trace

STEPS = [0, *range(10, 310, 10)]
RISE = np.clip((np.arange(31) - 10) / 10, 0.0, 1.0)
HEADS = ("0.0", "0.1", "1.0", "1.1")
WORDS = ["<q>", "off", "and", "<q>", "off", "and"]
VOID = {"meta", "br", "hr"}


def trace(method: str, arrays: dict[str, np.ndarray], axes: dict[str, tuple[str, ...]], **more: object) -> Trace:
    return Trace(method, arrays, axes, **more)  # type: ignore[arg-type]


def traces(*, score: float = 0.8, best: str = "1.1", alone: float = 0.01, others: int = 1) -> dict[str, Trace]:
    """As a run leaves them: `best` ends on `score`, and heads of one layer on `alone`."""
    names = ["one layer 0.0", "one layer 0.1", *(f"two layers {head}" for head in HEADS)]
    induction = np.full((6, 31), 0.01)
    induction[names.index(f"two layers {best}")] = 0.01 + (score - 0.01) * RISE
    induction[0, -1] = alone
    previous = np.full((6, 31), 0.05)
    previous[2] = 0.9 * RISE
    losses = {name: np.stack([5 - 0.1 * RISE, 5 - RISE]) for name in ("text_loss", "second_half", "first_half")}
    logged = {"training_loss": 2 + losses["text_loss"]}
    of_network, of_head = ("network", "step"), ("head", "step")
    formation = trace(
        "induction_formation",
        {"induction": induction, "previous": previous, "in_context": np.stack([0 * RISE, 0.4 * RISE]), **losses}
        | logged,
        dict.fromkeys(("induction", "previous"), of_head)
        | dict.fromkeys((*losses, "in_context"), of_network)
        | dict.fromkeys(logged, ("network", "logged")),
        labels={"network": ["one layer", "two layers"], "head": names}
        | {axis: list(map(str, STEPS)) for axis in ("step", "logged")},
        meta={"vocab_size": 500},
    )
    ablated = [*HEADS, "induction heads", "others"]
    zero = np.array([[0.0, 0.1, 0.2, 0.9, 0.9, 0.1]])
    both = ("kind", "ablated")
    ablation = trace(
        "induction_ablation",
        {"second_half": zero, "in_context": -0.4 * zero, "in_context_error": 0.01 + 0 * zero}
        | {"plain_second_half": np.array(4.0), "plain_in_context": np.array(0.4)},
        dict.fromkeys(("second_half", "in_context", "in_context_error"), both)
        | {"plain_second_half": (), "plain_in_context": ()},
        labels={"kind": ["zero"], "ablated": ablated},
        meta={"induction_heads": best, "previous_token_head": "0.0", "other_sets": 2, "other_size": others},
    )
    composition = trace(
        "induction_composition",
        {"score": np.array([[0.1, 0.8, 0.8, 0.1], [0.8, 0.8, 0.8, 0.8]]), "plain_score": np.array(score)},
        {"score": ("removed", "through"), "plain_score": ()},
        labels={"removed": ["0.0", "0.1"], "through": ["keys", "queries", "values", "all three"]},
        meta={"induction_heads": best},
    )
    scored = trace("head_scores", {"score": np.full((3, 3, 2), 0.02)}, {"score": ("row", "pattern", "head")})
    pattern = np.tril(np.ones((6, 6)))
    attention = trace(
        "attention",
        {"pattern": np.broadcast_to(pattern / pattern.sum(1, keepdims=True), (2, 2, 6, 6))},
        {"pattern": ("layer", "head", "query", "key")},
        labels={"query": WORDS, "key": WORDS},
    )
    return dict(zip(NAMES, (formation, scored, ablation, composition, attention), strict=True))


class Checker(HTMLParser):
    """Follows the tags of a page: all are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.sections: dict[str, set[str]] = {}
        self.verdict = False
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found["href"] or ""] if "href" in found else []
        self.sources += [found["src"] or ""] if "src" in found else []
        if tag == "section":
            self.sections[found["id"] or ""] = set()
        elif self.sections and "section" in self.open:
            self.sections[next(reversed(self.sections))].add(tag)
        self.verdict = found.get("class") == "verdict"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.verdict = False

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)
            self.said += data if self.verdict else ""


def read(found: dict[str, Trace]) -> Checker:
    """The page of these traces, checked as HTML."""
    checker = Checker()
    checker.feed(drawn(found))
    assert not checker.open
    assert not re.search(r"\bnan\b", " ".join(checker.text).lower())
    return checker


def drawn(found: dict[str, Trace]) -> str:
    return page(finding(found, data="text", steps=300, quick=False), story(found))


def test_every_section_is_drawn() -> None:
    checker = read(traces())
    assert list(checker.sections) == ["change", "head", "without", "made", "table"]
    assert [link for link in checker.links if link.startswith("#")] == [f"#{name}" for name in checker.sections]
    for name, tag in (("change", "svg"), ("head", "figure"), ("without", "table"), ("made", "table"), ("table", "td")):
        assert tag in checker.sections[name], name


def test_a_formed_run_says_when_which_and_that_one_layer_did_not() -> None:
    checker = read(traces())
    assert checker.said.startswith("Between step 100 and step 190 of 300, a head of the second layer learned")
    assert checker.said.endswith("one layer never did.")
    text = " ".join(checker.text)
    assert "Loss on what the networks are trained on" in text
    assert "Loss on held-out text alone" in text
    assert "An induction head at work" in text
    assert "Head 1.1, the best induction head: 80% of its attention" in text
    assert "Head 0.0, of the first layer, gives 90% of its attention to the token just before" in text
    assert "is shaded in every chart" in text


def test_an_unformed_run_says_so_everywhere() -> None:
    checker = read(traces(score=0.02))
    assert checker.said == "No induction head formed in this run: train for more steps."
    text = " ".join(checker.text)
    for claimed in ("at work", "the best induction head", "One change", "is shaded", "In colour, the induction heads"):
        assert claimed not in text
    assert "comes nearest to an induction head: 2% of its attention" in text
    assert "no head of two layers ends on 0.3 or more" in text


def test_one_layer_that_did_and_a_first_layer_are_told_as_they_are() -> None:
    assert "a head of one layer did so, too, up to a score of 0.55" in read(traces(alone=0.55)).said
    assert "a head of two layers learned" in read(traces(best="0.1")).said


@pytest.mark.parametrize(
    ("others", "said"),
    [(1, "mean of 2 sets of 1 other head; never the previous-token head (0.0)"), (0, "no other heads are left")],
)
def test_others_are_said_to_be_as_many_as_they_are(others: int, said: str) -> None:
    checker = read(traces(others=others))
    assert said in " ".join(checker.text)
    assert ("others" in checker.text) == bool(others)


def test_it_opens_offline() -> None:
    html = drawn(traces())
    checker = read(traces())
    assert [link for link in checker.links if not link.startswith("#")] == [
        "https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads"
    ]
    assert not checker.sources
    assert not re.search(r"url\(|@import|<link|fetch\(", html)


def test_words_of_the_text_are_not_markup() -> None:
    assert "&lt;q&gt;" in drawn(traces())
    assert "<q>" not in drawn(traces())


def test_it_is_written_beside_the_finding(tmp_path: Path) -> None:
    found = traces()
    Run.create(tmp_path, command=[], reproduction={"name": "induction"})
    for name, one in found.items():
        (tmp_path / "traces").mkdir(exist_ok=True)
        one.save(tmp_path / "traces" / name)
    finding(found, data="text", steps=300, quick=False).save(tmp_path / "finding.json")
    path = write_finding_page(tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text("utf-8") == drawn(found)


def test_networks_that_have_learned_nothing_are_drawn() -> None:
    found = traces(score=0.02)
    for name in ("training_loss", "text_loss"):
        found["formation"].arrays[name][:] = 6.0
    assert "svg" in read(found).sections["change"]
