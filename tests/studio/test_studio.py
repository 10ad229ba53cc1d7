"""What the studio keeps open: made once for a key, forgotten when others were asked for since."""

import threading
from pathlib import Path

from glassworks.core.runs import Run
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
