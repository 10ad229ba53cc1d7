"""A page as one file answers what it was kept with; what cannot be kept is one line."""

import base64
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.runs import Run
from glassworks.studio.questions import pages
from glassworks.studio.questions.pages import keep
from glassworks.studio.studio import Studio


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    run = Run.create(tmp_path / "a", kind="text", recipe={}, command=[])
    run.append("metrics", {"step": 1, "loss": 2.5})
    return Studio(tmp_path)


CURVES: dict[str, Any] = {"question": "runs.curves", "args": {"names": ["a"], "columns": ["loss"]}}


def data_of(html: str) -> Any:
    (packed,) = re.findall(r'<script type="application/octet-stream" id="data">([^<]*)<', html)
    data = base64.b64decode(packed)
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length])


def test_a_page_holds_its_data_each_question_with_its_answer_and_what_was_chosen(studio: Studio) -> None:
    found = data_of(keep(studio, "curves", "A", data={"runs": ["a"]}, asked=[CURVES], chosen={"x": "time"})["html"])
    assert (found["runs"], found["chosen"]) == (["a"], {"x": "time"})
    (one,) = found["answers"]
    assert (one["question"], one["args"]) == (CURVES["question"], CURVES["args"])
    assert one["answer"][0]["name"] == "a"
    assert one["answer"][0]["rows"] == 1
    begun = data_of(keep(studio, "curves", "A", begin={"question": "runs.run", "args": {"name": "a"}})["html"])
    assert begun["name"] == "a"


def test_what_cannot_be_kept_is_one_line(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    for question in ("translation.page", "pages.keep", "pages.transformer"):
        with pytest.raises(ValueError, match=f"{question} is a page itself"):
            keep(studio, "curves", "A", asked=[{"question": question, "args": {}}])
    for wrong in ({"question": "runs.runs"}, {"question": "runs.runs", "args": []}):
        with pytest.raises(ValueError, match="its name and its arguments"):
            keep(studio, "curves", "A", asked=[wrong])
    with pytest.raises(ValueError, match="no question 'a.b'"):
        keep(studio, "curves", "A", asked=[{"question": "a.b", "args": {}}])
    with pytest.raises(ValueError, match="the page asked wrongly"):
        keep(studio, "curves", "A", begin={"question": "runs.run", "args": {"nom": "a"}})
    with pytest.raises(ValueError, match="at most 600 questions, not 601"):
        keep(studio, "curves", "A", asked=[CURVES] * 601)
    monkeypatch.setattr(pages, "LARGEST", 2**10)
    with pytest.raises(ValueError, match="MB, and at most 0 are kept: choose less"):
        keep(studio, "curves", "A")


def test_no_name_of_a_component_leads_to_another_file(studio: Studio) -> None:
    for name in ("../../app", "../stamp.txt\0", "nothing"):
        with pytest.raises(ValueError, match="component"):
            keep(studio, name, "A")
