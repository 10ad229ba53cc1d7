"""Choosing in a browser: keys for everything, undo, what the choices say; and nothing that was chosen is lost."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect
from tests.studio.conftest import serve
from tests.studio.test_choices import choice_run

from glassworks.data.choices.comparison import Comparison, Option
from glassworks.data.choices.figures import figures
from glassworks.data.choices.formats.offered import keep_image
from glassworks.data.choices.ledger import Ledger
from glassworks.data.choices.store import Store

TESTS = Path(__file__).parents[2]


def opened(page: Page, served, annotator: str = "ada", run: str = "c") -> None:
    """The page, with something to choose on it."""
    page.goto(f"{served.address}/choose?run={run}&annotator={annotator}")
    expect(page.locator("[data-comparison]")).to_be_visible()


def number_on(page: Page) -> int:
    """The comparison that lies on the page."""
    return int(page.locator("[data-comparison]").get_attribute("data-comparison"))


def pressed(page: Page, *keys: str) -> None:
    """Press keys, and wait until what was said is stored."""
    done = int(page.locator("[data-value=done]").inner_text())
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("[data-value=done]")).to_have_text(str(done + 1))
    expect(page.locator("[data-state=stored]")).to_be_visible()


def test_a_folder_without_choices_says_what_to_do(page: Page, served) -> None:
    page.goto(f"{served.address}/choose")
    expect(page.get_by_text("glassworks choose demo")).to_be_visible()


def test_everything_is_said_by_keys_and_stored_as_it_was_said(page: Page, served) -> None:
    store = choice_run(served.studio.root / "c", guidelines="The longer is better.")
    opened(page, served)
    expect(page.get_by_text("The longer is better.")).to_be_visible()
    expect(page.get_by_text("model 0")).to_have_count(0)
    texts = [page.get_by_role("article").nth(i).locator(".text").inner_text() for i in (0, 1)]
    pressed(page, "2")
    pressed(page, "t")
    pressed(page, "b")
    pressed(page, "s", "3")
    page.keyboard.press("r")
    page.keyboard.type("what 1 should have said")
    page.keyboard.press("Escape")
    pressed(page, "ArrowLeft")
    page.get_by_label("ask how much better").check()
    pressed(page, "1", "3")
    found = store.choices()
    first = store.comparisons([found[0].comparison])[0]
    assert first.options[found[0].best].text == texts[1]
    assert [one.verdict for one in found] == ["ranked", "tie", "bad", "skip", "ranked", "ranked"]
    assert found[3].reason == "The options are the same"
    assert found[4].rewrite == "what 1 should have said"
    assert (found[4].best, found[5].best) == (found[4].shown[0], found[5].shown[0])
    assert [one.strength for one in found] == [None] * 5 + [3]
    assert all(0 < one.seconds < 60 for one in found)
    expect(page.locator("[data-value=left]")).to_have_text("6")

    before = number_on(page)
    for one in (found[5], found[4]):
        page.keyboard.press("u")
        expect(page.locator(f"[data-comparison='{one.comparison}']")).to_be_visible()
    expect(page.get_by_role("textbox", name=re.compile("What it should"))).to_have_value("what 1 should have said")
    expect(page.get_by_text("chosen before")).to_have_count(1)
    assert [one.id for one in store.choices()] == [one.id for one in found[:4]]
    assert before != found[4].comparison


def test_four_are_ranked_and_the_rest_lies_below(page: Page, served) -> None:
    store = choice_run(served.studio.root / "c", options=4)
    opened(page, served)
    pressed(page, "3", "1", "Enter")
    pressed(page, "4", "=", "2", "1", "3")
    pressed(page, "2", "Enter")
    a, b, c = store.choices()
    assert a.ranking == ((a.shown[2],), (a.shown[0],))
    assert b.ranking == ((b.shown[3], b.shown[1]), (b.shown[0],), (b.shown[2],))
    assert c.ranking == ((c.shown[1],),)


def test_figures_on_the_page_are_those_of_the_choices(page: Page, served) -> None:
    store = choice_run(served.studio.root / "c", 20)
    for name in ("ada", "bob"):
        opened(page, served, name)
        for i in range(6):
            pressed(page, "1" if i % 3 or name == "ada" else "2")
    found = figures(Ledger(store))
    expect(page.locator("[data-annotator=bob]")).to_contain_text("6")
    expect(page.locator("[data-share=Agreement]")).to_have_text(f"{100 * found['agreement']['raw']['value']:.0f} %")
    expect(page.locator("[data-share='First place']")).to_have_text(
        f"{100 * found['position']['first']['value']:.0f} %"
    )
    kappa = page.locator("[data-value=kappa]").inner_text().replace("−", "-")
    assert float(kappa) == pytest.approx(found["agreement"]["kappa"], abs=0.0051)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save", exact=True).click()
    assert len(Path(saved.value.path()).read_text("utf-8").splitlines()) == 12


def test_images_and_clips_are_chosen_among_as_texts_are(page: Page, served, tmp_path: Path) -> None:
    from PIL import Image

    store = choice_run(served.studio.root / "c", 0)
    frames = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle r='{i}'/></svg>" for i in range(5)]
    clips = [Option({"frames": frames[::step], "fps": 50.0}) for step in (1, -1)]
    store.add([Comparison.of("", clips)[0]])
    opened(page, served)
    expect(page.locator("[data-frame='3']").first).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_label("Frame of the clips").fill("4")
    expect(page.locator("[data-frame='4'] img.now")).to_have_count(2)
    pressed(page, "1")
    for colour in ("red", "blue"):
        Image.new("RGB", (5, 4), colour).save(tmp_path / f"{colour}.png")
    store.add([Comparison.of("", [keep_image(store, tmp_path / f"{colour}.png") for colour in ("red", "blue")])[0]])
    opened(page, served)
    picture = page.get_by_role("img", name="Option A")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [5, 4]
    pressed(page, "2")
    assert [one.seconds > 0 for one in store.choices()] == [True, True]


# ----------------------------------------------------------------------------------------------------------------------
# Nothing is lost


def test_two_annotators_and_two_tabs_at_once_lose_nothing_and_meet_on_nothing(page: Page, served) -> None:
    store = choice_run(served.studio.root / "c", 30, overlap=0.0)
    pages = [page, page.context.new_page(), page.context.new_page()]
    for other, name in zip(pages, ("ada", "ada", "bob"), strict=True):
        opened(other, served, name)
    for _ in range(5):
        for other in pages:
            before = number_on(other)
            other.keyboard.press("1")
            expect(other.locator(f"[data-comparison='{before}']")).to_have_count(0)
            expect(other.locator("[data-comparison]")).to_be_visible()
    assert len(store.choices()) == 15
    assert len({one.comparison for one in store.choices()}) == 15


def test_a_studio_that_is_gone_and_a_page_that_crashes_cost_no_choice(page: Page, served) -> None:
    store = choice_run(served.studio.root / "c")
    opened(page, served)
    pressed(page, "1")
    served.stop()
    page.keyboard.press("2")
    expect(page.locator("[data-state=waiting]")).to_have_text("not stored yet")
    expect(page.get_by_text("is kept in this browser")).to_be_visible()
    other = page.context.new_page()
    with pytest.raises(Error, match="crash"):  # the page's process dies
        page.goto("chrome://crash")
    again = serve(served.studio.root, served.port)
    try:
        opened(other, again)
        expect(other.locator("[data-value=done]")).to_have_text("2")
        expect(other.locator("[data-state=stored]")).to_be_visible()
        assert [one.best == one.shown[place] for one, place in zip(store.choices(), (0, 1), strict=True)] == [
            True,
            True,
        ]
    finally:
        again.stop()


def test_a_studio_that_is_killed_while_one_chooses_keeps_all_and_none_twice(page: Page, served) -> None:
    """It is killed again and again while keys are pressed without end; the page goes on by itself each time."""
    root = served.studio.root
    store = choice_run(root / "c", 400)
    served.stop()
    script = (
        f"import sys, time; sys.path.insert(0, {str(TESTS)!r}); from pathlib import Path\n"
        "from tests.studio.conftest import serve\n"
        f"serve(Path({str(root)!r}), {served.port}); print('ready', flush=True); time.sleep(600)"
    )

    def start() -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        return child

    child = start()
    try:
        opened(page, served)
        page.evaluate(
            "setInterval(() => document.body.dispatchEvent(new KeyboardEvent('keydown', "
            "{key: Math.random() < .5 ? '1' : '2', bubbles: true, cancelable: true})), 7)"
        )
        for wanted in (15, 30):
            until_done(page, wanted)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            child = start()
        until_done(page, 45)
        page.reload()  # which ends the pressing
        expect(page.locator("[data-state=stored]")).to_be_visible()
        expect(page.locator("[data-comparison]")).to_be_visible()
        said = [one.comparison for one in store.choices()]
        assert len(said) == len(set(said)) == int(page.locator("[data-value=done]").inner_text())
        assert len(store.events()) == len(said)
    finally:
        child.kill()
        child.communicate()


def until_done(page: Page, wanted: int) -> None:
    """Wait until so many are stored, as the page says."""
    end = time.monotonic() + 60
    while int(page.locator("[data-value=done]").inner_text()) < wanted:
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def test_a_full_disk_is_said_and_what_was_chosen_is_stored_once_there_is_room(
    page: Page, served, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = choice_run(served.studio.root / "c")
    opened(page, served)

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), store.where)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", full)
        page.keyboard.press("1")
        expect(page.get_by_text("No space left on device")).to_be_visible()
        expect(page.locator("[data-state=waiting]")).to_be_visible()
        page.keyboard.press("2")  # nothing lies open that it could mean
    expect(page.locator("[data-value=done]")).to_have_text("1")
    expect(page.get_by_text("No space left on device")).to_be_hidden()
    assert len(store.choices()) == 1


def test_a_clock_that_is_set_changes_no_time_taken_and_no_order(
    page: Page, served, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = choice_run(served.studio.root / "c")
    opened(page, served)
    for now, year in ((0, 1999), (4e12, 2096), (1e12, 2001)):
        page.evaluate(f"Date.now = () => {now}")
        monkeypatch.setattr(time, "strftime", lambda _, year=year: f"{year}-01-01T00:00:00+0000")
        pressed(page, "1")
    page.keyboard.press("u")
    expect(page.locator("[data-value=done]")).to_have_text("2")
    assert [one.at[:4] for one in store.choices()] == ["1999", "2096"]
    assert all(0 < one.seconds < 60 for one in store.choices())


def test_a_store_that_another_takes_the_place_of_gets_nothing_that_was_said_of_the_first(page: Page, served) -> None:
    choice_run(served.studio.root / "c")
    opened(page, served)
    for name in ("choices.sqlite", "run.json"):
        (served.studio.root / "c" / name).unlink()
    other = choice_run(served.studio.root / "c")
    page.keyboard.press("1")
    expect(page.get_by_text("is another run than the one that this page was opened for")).to_be_visible()
    assert other.events() == []
    page.reload()
    expect(page.locator("[data-comparison]")).to_be_visible()
    assert other.events() == []


def test_what_is_being_written_is_there_when_the_page_is_opened_again(page: Page, served) -> None:
    choice_run(served.studio.root / "c")
    opened(page, served)
    page.keyboard.press("r")
    page.keyboard.type("half a sentence")
    page.reload()
    expect(page.get_by_role("textbox", name=re.compile("What it should"))).to_have_value("half a sentence")
