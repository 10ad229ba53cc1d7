"""What the studio opens: runs of its folder, as they are now."""

from pathlib import Path

import pytest

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.studio.questions import transformer
from glassworks.studio.studio import Studio, changed


def test_a_run_that_takes_anothers_name_is_another_one(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", kind="text", recipe={})
    before = changed(run)
    assert changed(run) == before
    (run.path / "run.json").unlink()
    Run.create(tmp_path / "a", kind="text", recipe={})
    assert changed(run) != before


@pytest.mark.parametrize("linked", ["model", "model/model.safetensors", "checkpoints/step_000003", "samples.jsonl"])
def test_a_run_is_not_opened_where_a_link_in_it_leads_out_of_the_folder(tmp_path: Path, linked: str) -> None:
    studio = Studio(tmp_path / "runs")
    run = Run.create(tmp_path / "runs" / "a", kind="text", recipe={})
    for folder in (run.path / "model", run.path / "checkpoints", tmp_path / "secret"):
        folder.mkdir()
        (folder / "config.json").touch()
    assert studio.whole("a") == run
    assert [model["name"] for model in transformer.models(studio)] == ["a"]
    if (run.path / linked).is_dir():
        (run.path / linked).rename(run.path / "other")
    (run.path / linked).symlink_to(tmp_path / "secret")
    with pytest.raises(RunError, match=f"{linked} is a link to outside of"):
        studio.whole("a")
    assert transformer.models(studio) == []


def test_links_within_the_folder_are_followed_to_what_lies_behind_them(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "runs")
    first, second = (Run.create(tmp_path / "runs" / name, kind="text", recipe={}) for name in "ab")
    (first.path / "model").mkdir()
    (second.path / "model").symlink_to(first.path / "model")
    (first.path / "model" / "again").symlink_to(second.path)  # a circle
    assert studio.whole("b") == second
    (first.path / "model" / "away").symlink_to(tmp_path)
    with pytest.raises(RunError, match="away is a link to outside of"):
        studio.whole("b")
