"""What the playground's page asks: trainings of tabs, kept and made again, and what is looked at of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from glassworks.studio.questions import playground
from glassworks.studio.questions.table import QUESTIONS
from glassworks.studio.studio import Studio
from glassworks.studio.wire import pack

LINK = {"points": "60", "layers": "3"}


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def at(studio: Studio, tab: str, to: int, link: dict[str, str] = LINK, **more: Any) -> dict[str, Any]:
    """The training at a step, however many questions that takes."""
    while True:
        found = playground.look(studio, tab, link, to, **more)
        if found["step"] == to or found["failed"]:
            return found


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(
        x["weight"].equal(y["weight"]) and x["bias"].equal(y["bias"])
        for x, y in zip(a["layers"], b["layers"], strict=True)
    )


def test_a_tab_that_was_forgotten_comes_to_the_same_weights(studio: Studio) -> None:
    edits = "5:0:1:0:0.5"
    first = at(studio, "first", 20, edits=edits)
    for i in range(playground.MOST_TABS):
        at(studio, f"tab{i}", 1)
    assert "first" not in studio.shelves["playground"]
    assert len(studio.shelves["playground"]) == playground.MOST_TABS
    assert same(at(studio, "first", 20, edits=edits), first)


def test_tabs_stand_where_each_was_asked_for(studio: Studio) -> None:
    for to in (3, 6, 9):
        for i in range(10):
            assert at(studio, f"tab{i}", to + i)["step"] == to + i
    assert same(at(studio, "tab0", 9), at(Studio(studio.root), "x", 9))


def test_an_earlier_step_other_settings_or_other_edits_begin_it_anew(studio: Studio) -> None:
    later = at(studio, "tab", 10)
    assert at(studio, "tab", 4)["step"] == 4
    assert same(at(studio, "tab", 10), later)
    assert not same(at(studio, "tab", 10, {**LINK, "seed": "1"}), later)
    assert at(studio, "tab", 10, edits="10:0:0:0:1.5")["layers"][0]["weight"][0, 0] == 1.5
    assert same(at(studio, "tab", 10), later)


def test_a_long_way_is_gone_in_parts(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "SECONDS", 0.01)
    first = playground.look(studio, "tab", LINK, 1000)
    assert 0 < first["step"] < 1000
    for ask in (playground.surface, playground.export):
        studio.shelves.clear()
        with pytest.raises(ValueError, match=r"of 1,000: wait until it is there"):
            ask(studio, "tab", LINK, 1000)


def test_points_are_sent_once(studio: Studio) -> None:
    first = at(studio, "tab", 0)
    assert first["points"]["inputs"].shape == (60, 2)
    assert at(studio, "tab", 1, have=first["key"])["points"] is None
    assert at(studio, "tab", 1, {**LINK, "noise": "20"}, have=first["key"])["points"] is not None


def test_an_answer_to_a_repaint_is_small(studio: Studio) -> None:
    key = at(studio, "tab", 0, {})["key"]
    assert len(pack(at(studio, "tab", 25, {}, have=key))) < 4000


def test_a_network_of_no_numbers_can_be_sent_and_says_so(studio: Studio) -> None:
    found = at(studio, "tab", 500, {"data": "plane", "activation": "linear", "lr": "10", "points": "60"})
    assert "no number any more" in found["failed"]
    assert found["losses"]["train"] is None or not torch.tensor(found["losses"]["train"]).isfinite()
    assert pack(found)
    for ask in (playground.surface, playground.graph):
        with pytest.raises(ValueError, match="number|finite"):
            ask(
                studio,
                "tab",
                {"data": "plane", "activation": "linear", "lr": "10", "points": "60"},
                500,
                **({"point": 0} if ask is playground.graph else {}),
            )


def test_every_choice_of_the_page_is_one_of_python(studio: Studio) -> None:
    choices = playground.controls(studio)
    assert set(choices["sets"]) >= {"circles", "xor", "gaussians", "spirals", "plane", "hills", "own"}
    for method in choices["methods"]:
        link = {name: str(value) for name, value in method["takes"].items() if value is not None}
        link["optimizer"] = method["name"]
        assert playground.settings_from(link).optimizer == method["name"]
    assert json.loads(json.dumps(choices)) == choices
    assert QUESTIONS["playground.look"] == "glassworks.studio.questions.playground:look"


def test_a_graph_of_a_point_that_there_is_not_is_refused(studio: Studio) -> None:
    with pytest.raises(ValueError, match=r"point \(=60\) must be from 0 to 59"):
        playground.graph(studio, "tab", LINK, 0, 60)
    assert playground.graph(studio, "tab", LINK, 0, 59)["point"] == 59


def test_a_table_becomes_points_of_a_link(studio: Studio) -> None:
    found = playground.paste(studio, "x,y,kind\n0,0,a\n1,2,b\n2,1,a\n")
    looked = at(studio, "tab", 3, {"data": "own", "own": found["own"], "layers": "2"})
    assert looked["classes"] == ["a", "b"]
    assert looked["points"]["inputs"].shape == (3, 2)
