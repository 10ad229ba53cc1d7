"""What the studio keeps open: made once for a key, forgotten when others were asked for since."""

import threading
from pathlib import Path

import pytest

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.studio.questions import transformer
from glassworks.studio.studio import KEPT, Studio, changed


def test_a_model_is_made_once_for_a_key_and_the_ones_asked_for_last_are_kept(tmp_path: Path) -> None:
    studio, made = Studio(tmp_path), list[int]()

    def ask(number: int) -> object:
        return studio.opens(("model", number), lambda: (made.append(number), object())[1])

    first = ask(0)
    for number in range(1, KEPT):
        ask(number)
    assert ask(0) is first
    ask(KEPT)  # which pushes the one out that nobody asked for since
    assert made == list(range(KEPT + 1))
    assert ask(0) is first
    ask(1)
    assert made == [*range(KEPT + 1), 1]


def test_what_many_ask_for_at_once_is_given_to_each_though_only_one_is_kept(tmp_path: Path) -> None:
    studio, wrong = Studio(tmp_path), list[object]()

    def ask(own: int) -> None:
        for turn in range(300):
            key = (own, turn % 3)
            try:
                found = studio.keeps("shelf", key, lambda key=key: key, 1)
            except KeyError as error:
                found = error
            if found != key:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(studio.shelves["shelf"]) == 1


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
