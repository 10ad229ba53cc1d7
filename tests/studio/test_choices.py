"""What the page of choices asks: the next comparison, blind; what was said, stored once; figures; rows to save."""

import json
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from tests.tune.models import small_base

from glassworks.core.errors import RunError
from glassworks.data.choices import runs
from glassworks.data.choices.comparison import Choice, Comparison, Option
from glassworks.data.choices.judges import judge_of
from glassworks.data.choices.ledger import Ledger
from glassworks.data.choices.store import Store
from glassworks.studio.desk import Desk
from glassworks.studio.questions import choices
from glassworks.studio.studio import Studio
from glassworks.studio.wire import pack
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.reward import reward_of
from glassworks.tune.run import start, tune


def choice_run(path: Path, count: int = 12, options: int = 2, **settings: object) -> Store:
    """A run of choices among texts: which is longer is to be said."""
    run = runs.begin(path, command=["glassworks", "choose"], settings={"repeats": 0.0, "overlap": 1.0} | settings)
    store = runs.store_of(run)
    store.add(
        Comparison.of(f"prompt {i}", [Option({"text": f"{i} " + "a" * (j + 1)}, f"model {j}") for j in range(options)])[
            0
        ]
        for i in range(count)
    )
    return store


def event(offer: dict, place: int = 0, **more: object) -> dict:
    """That what stands in a place on the page is better."""
    said = {"verdict": "ranked", "ranking": [[offer["shown"][place]]], "strength": None, "reason": "", "rewrite": ""}
    how = {"seconds": 1.5, "why": offer["why"], "shown": list(offer["shown"]), "comparison": offer["comparison"]}
    return {"id": uuid.uuid4().hex} | said | how | more


def said(studio: Studio, events: list[dict], annotator: str = "ada", tab: str = "1", run: str = "c") -> dict:
    id = choices.about(studio, run)["id"]
    return choices.say(studio, run, id, annotator, tab, events)


def test_the_next_comparison_says_nothing_of_who_made_what(tmp_path: Path) -> None:
    choice_run(tmp_path / "c")
    studio = Studio(tmp_path)
    found = choices.offer(studio, "c", "ada", "1")
    assert "model" not in json.dumps(found)
    assert (found["progress"]["done"], found["progress"]["left"]) == (0, 12)
    assert found["offer"] == choices.offer(studio, "c", "ada", "1")["offer"]  # as long as it is not answered
    pack(found)
    pack(choices.about(studio, "c"))


def test_what_is_said_is_stored_and_the_next_comes_back_at_once(tmp_path: Path) -> None:
    store = choice_run(tmp_path / "c")
    studio = Studio(tmp_path)
    offer = choices.offer(studio, "c", "ada", "1")["offer"]
    one = event(offer, 1, strength=2, rewrite="mine")
    answer = said(studio, [one])
    assert answer["stored"] == [one["id"]]
    assert answer["offer"]["comparison"] != offer["comparison"]
    assert answer["progress"] | {"last": one["id"]} == answer["progress"] | {"done": 1, "left": 11}
    (kept,) = store.choices()
    assert (kept.best, kept.strength, kept.rewrite, kept.seconds) == (offer["shown"][1], 2, "mine", 1.5)
    assert kept.shown == tuple(offer["shown"])
    assert said(studio, [one])["stored"] == [one["id"]]  # sent again
    assert len(store.choices()) == 1


def test_undo_goes_back_choice_by_choice_and_shows_each_as_it_was(tmp_path: Path) -> None:
    store = choice_run(tmp_path / "c")
    studio = Studio(tmp_path)
    offers = [choices.offer(studio, "c", "ada", "1")["offer"]]
    for _ in range(3):
        offers.append(said(studio, [event(offers[-1])])["offer"])
    for offer in (offers[2], offers[1]):
        last = choices.offer(studio, "c", "ada", "1")["progress"]["last"]
        back = said(studio, [{"id": uuid.uuid4().hex, "undo": last}])
        assert (back["offer"]["comparison"], back["offer"]["shown"]) == (offer["comparison"], offer["shown"])
    assert [one.comparison for one in store.choices()] == [offers[0]["comparison"]]
    assert len(store.events()) == 5


def test_pages_open_at_once_are_asked_different_things(tmp_path: Path) -> None:
    choice_run(tmp_path / "c", 4, overlap=0.0)
    studio = Studio(tmp_path)
    asked = [
        choices.offer(studio, "c", *of)["offer"]["comparison"] for of in (("ada", "1"), ("ada", "2"), ("bob", "3"))
    ]
    assert len(set(asked)) == 3
    assert choices.offer(studio, "c", "cyd", "4")["offer"]["comparison"] not in asked
    assert choices.offer(studio, "c", "dot", "5")["offer"] is not None  # nothing else is left


def test_what_no_store_takes_is_refused_and_holds_nothing_up(tmp_path: Path) -> None:
    store = choice_run(tmp_path / "c")
    studio = Studio(tmp_path)
    offer = choices.offer(studio, "c", "ada", "1")["offer"]
    good = event(offer)
    wrong = [
        event(offer) | {"comparison": 99},
        event(offer) | {"verdict": "best"},
        {"id": "u", "undo": "nobody"},
        "text",
    ]
    answer = said(studio, [*wrong, good])
    assert answer["stored"] == [good["id"]]
    assert [one["why"].split(" in ")[0] for one in answer["refused"]] == [
        "verdict (='best') must be one of ranked, tie, bad, skip",
        "a choice is an object with its id: reload the page",
        "there is no comparison 99",
        "there is no choice 'nobody'",
    ]
    assert len(store.choices()) == 1
    with pytest.raises(ValueError, match="say who chooses"):
        choices.offer(studio, "c", " ", "1")
    with pytest.raises(RunError, match="another run than the one"):
        choices.say(studio, "c", "other", "ada", "1", [good])


def test_a_disk_that_is_full_is_an_error_and_no_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = choice_run(tmp_path / "c")
    studio = Studio(tmp_path)
    one = event(choices.offer(studio, "c", "ada", "1")["offer"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", store.where)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", full)
        with pytest.raises(OSError, match="No space left"):
            said(studio, [one])
    assert said(studio, [one])["stored"] == [one["id"]]


def test_a_run_that_takes_anothers_name_is_opened_anew(tmp_path: Path) -> None:
    choice_run(tmp_path / "c", 3)
    studio = Studio(tmp_path)
    id = choices.about(studio, "c")["id"]
    (tmp_path / "c" / "choices.sqlite").unlink()
    with pytest.raises(RunError, match=r"choices.sqlite is gone"):
        choices.offer(studio, "c", "ada", "1")
    (tmp_path / "c" / "run.json").unlink()
    choice_run(tmp_path / "c", 5)
    again = choices.about(studio, "c")
    assert again["comparisons"] == 5
    assert again["id"] != id


def test_other_runs_and_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    choice_run(root / "c")
    choice_run(tmp_path / "elsewhere")
    (root / "c" / "choices.sqlite").unlink()
    (root / "c" / "choices.sqlite").symlink_to(tmp_path / "elsewhere" / "choices.sqlite")
    with pytest.raises(RunError, match="is a link to outside"):
        choices.about(Studio(root), "c")


def test_rows_to_save_are_those_of_the_format(tmp_path: Path) -> None:
    choice_run(tmp_path / "c", 2)
    studio = Studio(tmp_path)
    offer = choices.offer(studio, "c", "ada", "1")["offer"]
    second = said(studio, [event(offer)])["offer"]
    said(studio, [event(second) | {"verdict": "tie", "ranking": []}])
    found = choices.rows(studio, "c", "preference")
    assert (found["rows"], found["left_out"]) == (1, 1)
    assert json.loads(found["text"])["chosen"] == offer["options"][0]["text"]
    assert choices.rows(studio, "c", "raw")["rows"] == 5
    with pytest.raises(ValueError, match="format"):
        choices.rows(studio, "c", "csv")


def test_pictures_come_as_bytes(tmp_path: Path) -> None:
    choice_run(tmp_path / "c").add_picture("d", "image/png", b"\x89PNG")
    found = choices.picture(Studio(tmp_path), "c", "d")
    assert (found["media"], found["data"].tobytes()) == ("image/png", b"\x89PNG")


def test_what_models_disagree_on_is_asked_first_and_their_accuracy_stands_beside_the_human_ceiling(
    tmp_path: Path,
) -> None:
    store = choice_run(tmp_path / "c", 40, repeats=0.0)
    doubtful = {f"prompt {i}" for i in (3, 17, 31)}

    def reward(sign: float):  # longer is better; of some prompts one model says the contrary
        return lambda prompts, texts: np.array(
            [len(text) * (sign if prompt in doubtful else 1.0) for prompt, text in zip(prompts, texts, strict=True)]
        )

    desk = Desk(Ledger(store))
    desk.hear(judge_of(reward(1.0), reward(-1.0)), "two", lambda one: one.prompt == "prompt 5")
    seat = desk.seat
    until(lambda: len(seat.scores) == 40 and not np.isnan(seat.scores).any())
    studio = Studio(tmp_path)
    studio.desks["c"] = desk
    offer, asked = choices.offer(studio, "c", "ada", "1")["offer"], []
    for _ in range(20):
        asked.append((offer["why"], offer["prompt"]))
        longer = max((0, 1), key=lambda place: len(offer["options"][place]["text"]))
        offer = said(studio, [event(offer, longer)])["offer"]
    first = [prompt for why, prompt in asked if why == "disagreement"][:3]
    assert set(first) <= doubtful or {prompt for why, prompt in asked[:8] if why == "random"} & doubtful
    judge = choices.figures(studio, "c")["judge"]
    assert judge["looked"] == 40
    held_out = [(why, prompt) for why, prompt in asked if prompt != "prompt 5"]
    assert judge["all"]["of"] == len(held_out)
    assert judge["all"]["value"] >= sum(prompt not in doubtful for _, prompt in held_out) / len(held_out)
    assert judge["random"]["of"] == sum(why == "random" for why, _ in held_out)
    choices.judge(studio, "c", None)
    assert choices.figures(studio, "c")["judge"] is None
    assert seat.left.is_set()


def test_a_reward_run_is_the_judge_and_is_judged_on_prompts_that_it_was_not_trained_on(tmp_path: Path) -> None:
    base = small_base(tmp_path, steps=2)
    root = base.path.parent
    store = choice_run(root / "c", 30)
    store.append([Choice(f"{i}", i, "ada", "ranked", ((i % 2,),), (0, 1), why="random") for i in range(1, 31)])
    recipe = TuneRecipe(
        start_from=str(base.path), data=str(root / "c"), method="reward", members=2, steps=2, held_out=0.3, device="cpu"
    )
    run = start(root / "judge", recipe, [])
    assert tune(run)
    studio = Studio(root)
    assert choices.about(studio, "c")["rewards"] == ["judge"]
    choices.judge(studio, "c", "judge")
    seat = studio.desks["c"].seat
    until(lambda: len(seat.scores) == 30 and not np.isnan(seat.scores).any())
    opened = reward_of(run)
    right = of = 0
    trained = {row["prompt"] for row in opened.material.examples.train}
    for one, choice in zip(store.comparisons(), store.choices(), strict=True):
        scores = opened.scores([one.prompt] * 2, [option.text for option in one.options])
        of += one.prompt not in trained
        right += one.prompt not in trained and int(scores.mean(-1).argmax()) == choice.best
    found = choices.figures(studio, "c")["judge"]
    assert 0 < of < 30
    assert (found["name"], found["all"]["of"], found["all"]["value"]) == ("judge", of, pytest.approx(right / of))
    choices.judge(studio, "c", None)
    with pytest.raises(RunError, match="base is a run of text: a reward model is tuned by"):
        choices.judge(studio, "c", "base")


def until(done, seconds: float = 20.0) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)
