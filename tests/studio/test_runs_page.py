"""The list of runs, and a run's page, in a browser."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect
from tests.studio.conftest import serve

from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.studio.keys import Keys
from glassworks.trace.trace import Trace


def test_an_empty_folder_says_what_to_do_first(page: Page) -> None:
    expect(page.get_by_text("There are no runs here yet")).to_be_visible()
    expect(page.get_by_text("glassworks demo")).to_be_visible()


def test_a_run_appears_as_it_begins_and_goes_as_it_is_deleted(page: Page, served) -> None:
    run = Run.create(served.studio.root / "first", kind="text", recipe={}, plan={"steps": 10}, command=["glassworks"])
    expect(page.get_by_role("link", name="first")).to_be_visible()
    expect(page.get_by_role("row", name="first")).to_contain_text("unfinished")
    with (run.path / "run.json").open() as file:
        assert json.load(file)["plan"] == {"steps": 10}
    (run.path / "run.json").unlink()
    expect(page.get_by_text("There are no runs here yet")).to_be_visible()


def test_a_page_that_is_not_there_says_so(page: Page, served) -> None:
    page.goto(f"{served.address}/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def trained(root, name: str, rows: int, **record) -> Run:
    """A run that has logged a loss of 8 / step, and something held out every fifth step."""
    recipe = {"seed": 0, "batch_size": 4, **record.pop("recipe", {})}
    run = Run.create(root / name, kind="text", recipe=recipe, plan={"steps": 1000}, command=["glassworks"], **record)
    for step in range(1, rows + 1):
        log(run, step)
    return run


def log(run: Run, step: int) -> None:
    held_out = {"val_nats_per_token": 9 / step} if step % 5 == 0 else {}
    run.append("metrics", {"step": step, "loss": 8 / step, "lr": step / 100, "seconds": step / 2, **held_out})


def test_a_run_is_drawn_as_it_trains_and_the_page_goes_on_by_itself(page: Page, served) -> None:
    """Through a studio that was killed and started anew, a run that was resumed, and one that was deleted."""
    run = trained(served.studio.root, "a", 40)
    page.goto(f"{served.address}/run?run=a&smooth=0&y=lr")
    chart = page.get_by_label(re.compile("^Loss by step"))
    expect(chart).to_have_attribute(
        "aria-label", re.compile("training batches 0.2 at the end, held out 0.225 at the end")
    )
    expect(page.get_by_label(re.compile("^learning rate by step: learning rate 0.4 at"))).to_be_visible()
    with locked(run.lock):
        expect(page.locator(".facts")).to_contain_text("training")
        log(run, 50)
        expect(chart).to_have_attribute("aria-label", re.compile("training batches 0.16 at the end, held out 0.18 at"))
        expect(page.locator(".facts")).to_contain_text("step 50 of 1,000")
        served.stop()
        expect(page.get_by_text("The studio does not answer")).to_be_visible()
        log(run, 80)
        again = serve(served.studio.root, served.port)
        expect(page.get_by_text("The studio does not answer")).to_be_hidden()
        expect(chart).to_have_attribute("aria-label", re.compile("training batches 0.1 at the end"))
    run.rewind(20)
    expect(chart).to_have_attribute("aria-label", re.compile("training batches 0.4 at the end, held out 0.45 at"))
    expect(page.locator(".facts")).to_contain_text("unfinished")
    shutil.rmtree(run.path)
    expect(page.get_by_role("alert")).to_contain_text("a was deleted")
    trained(served.studio.root, "a", 10)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(chart).to_have_attribute("aria-label", re.compile("training batches 0.8 at the end"))
    page.get_by_role("link", name="Draw a digit").click()  # a page that watches nothing
    expect(page.get_by_text("There is no network here yet")).to_be_visible()
    again.stop()
    expect(page.get_by_text("The studio does not answer")).to_be_visible()
    last = serve(served.studio.root, served.port)
    expect(page.get_by_text("The studio does not answer")).to_be_hidden()
    last.stop()


def test_a_page_of_an_earlier_start_says_where_to_go_and_goes_on_once_somebody_went_there(page: Page, served) -> None:
    trained(served.studio.root, "a", 3)
    expect(page.get_by_role("link", name="a", exact=True)).to_be_visible()
    served.stop()
    again = serve(served.studio.root, served.port, "another-token", Keys())
    expect(page.get_by_text("A studio was started here that does not know this browser")).to_be_visible()
    trained(served.studio.root, "b", 3)
    newer = page.context.new_page()
    newer.goto(f"{served.address}/?token=another-token")
    expect(page.get_by_role("link", name="b", exact=True)).to_be_visible()
    expect(page.get_by_text("A studio was started here")).to_be_hidden()
    again.stop()


def test_a_studio_that_was_killed_knows_its_tabs_again_and_what_they_asked_meanwhile_is_asked_anew(
    browser: Browser, tmp_path: Path
) -> None:
    first = serve(tmp_path, token="first")
    page = browser.new_context().new_page()
    page.goto(f"{first.address}/playground?token=first")
    expect(page.get_by_test_id("step")).to_have_attribute("data-step", "0")
    first.stop()
    expect(page.get_by_text(f"glassworks studio --port {first.port}")).to_be_visible()
    page.get_by_role("button", name="spirals").click()
    expect(page.get_by_role("alert")).to_contain_text("The studio does not answer. This page goes on by itself")
    second = serve(tmp_path, first.port, "second")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_text("The studio does not answer")).to_be_hidden()
    expect(page.get_by_role("button", name="spirals")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("step")).to_have_attribute("data-step", "0")
    page.context.close()
    second.stop()


def test_ten_tabs_over_two_hundred_runs_are_all_told_at_once(page: Page, served) -> None:
    run = trained(served.studio.root, "run-000", 3)
    for number in range(1, 200):
        shutil.copytree(run.path, served.studio.root / f"run-{number:03}")
    tabs = [page, *(page.context.new_page() for _ in range(9))]
    for tab in tabs[1:]:
        tab.goto(served.address)
    for tab in tabs:
        expect(tab.get_by_role("row")).to_have_count(201)
    with locked(Run(served.studio.root / "run-123").lock):
        for tab in tabs:
            expect(tab.get_by_role("row", name="run-123")).to_contain_text("training")
    for tab in tabs:
        expect(tab.get_by_role("row", name="run-123")).to_contain_text("unfinished")
    page.get_by_label("Find").fill("run-12")
    expect(page.get_by_role("row")).to_have_count(11)


def test_curves_are_read_zoomed_linked_and_kept(page: Page, served, kept) -> None:
    trained(served.studio.root, "a", 100)
    trained(served.studio.root, "b", 50, recipe={"batch_size": 16})
    page.reload()
    page.get_by_label("Choose a").check()
    page.get_by_label("Choose b").check()
    page.get_by_label("Smoothing").fill("0")
    expect(page.get_by_role("row", name="batch_size")).to_have_text("batch_size416")
    chart = page.get_by_label(re.compile("^Loss by step"))
    chart.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    tip = page.locator(".tip")
    expect(tip).to_contain_text("step 4\n")
    expect(tip).to_contain_text("a, training batches: 2\n")
    expect(tip).to_contain_text("b, training batches: 2\n")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"runs=a(,|%2C)b&.*from=[\d.]+&to=[\d.]+"))
    page.get_by_role("button", name="Logarithmic").click()
    page.get_by_role("button", name="Time").click()
    expect(page).to_have_url(re.compile("log=1"))
    chart = page.get_by_label(re.compile("^Loss by seconds"))
    expect(chart).to_have_attribute(
        "aria-label", re.compile("a, training batches 0.08 at the end.*b, training batches 0.16")
    )
    page.reload()
    expect(page.get_by_role("button", name="Logarithmic")).to_have_attribute("aria-pressed", "true")
    expect(chart).to_be_visible()
    alone = kept(page)  # one file has all that was logged, without the studio
    drawn = alone.get_by_label(re.compile("^Loss by seconds"))
    expect(drawn).to_have_attribute("aria-label", str(chart.get_attribute("aria-label")))
    alone.get_by_role("button", name="Steps").click()
    alone.get_by_label("Also").select_option("lr")
    rate = alone.get_by_label(re.compile("^learning rate by step"))
    expect(rate).to_have_attribute("aria-label", re.compile("a 1 at the end, b 0.5 at the end"))
    page.get_by_role("button", name="Choose none").click()
    expect(chart).to_be_hidden()


def test_samples_scores_traces_and_family_of_a_run(page: Page, served) -> None:
    run = trained(served.studio.root, "a", 10)
    trained(served.studio.root, "child", 2, parent=str(run.path), parent_step=7)
    for step in (3, 6, 9):
        run.append("samples", {"step": step, "prompt": "Once", "text": f" <b>upon</b> {step}"})
    run.eval_path("held_out").parent.mkdir()
    result = {"bits_per_byte": 2.5, "nats_per_token": 3.0, "baselines": [], "verdict": "It learned."}
    run.eval_path("held_out").write_text(json.dumps(result), encoding="utf-8")
    weights = np.random.default_rng(0).random((3, 3))
    Trace("pattern", {"weights": weights}, {"weights": ("query", "key")}).save(run.path / "traces" / "pattern")
    (run.path / "checkpoints" / "step_000009").mkdir(parents=True)
    (run.path / "checkpoints" / "step_000009" / "meta.json").touch()
    page.goto(f"{served.address}/run?run=a")
    expect(page.get_by_text("Once <b>upon</b> 9")).to_be_visible()
    page.get_by_label("Sample", exact=True).fill("0")
    expect(page.get_by_text("Once <b>upon</b> 3")).to_be_visible()
    expect(page).to_have_url(re.compile("sample=3"))
    expect(page.get_by_text("It learned.", exact=True)).to_be_visible()
    page.get_by_role("button", name="pattern").click()
    expect(page.locator(".glassworks-trace svg, .glassworks-trace table").first).to_be_visible()
    expect(page.get_by_role("link", name="9", exact=True)).to_have_attribute("href", "/transformer?run=a&step=9")
    page.get_by_role("link", name="child").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("child")
    expect(page.get_by_text("It went on from a, step 7.")).to_be_visible()
    page.get_by_role("link", name="a", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("a")


def test_a_damaged_run_says_what_is_wrong_and_its_page_mends_itself(page: Page, served) -> None:
    run = trained(served.studio.root, "a", 3)
    record = (run.path / "run.json").read_text(encoding="utf-8")
    (run.path / "run.json").write_text(record[:40], encoding="utf-8")
    page.goto(f"{served.address}/run?run=a")
    expect(page.get_by_role("alert")).to_contain_text("run.json is not valid JSON")
    (run.path / "run.json").write_text(record, encoding="utf-8")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_label(re.compile("^Loss by step"))).to_be_visible()


def test_a_tour_waits_until_each_part_was_tried_and_remembers_it(page: Page, served) -> None:
    for name in ("a", "b"):
        trained(served.studio.root, name, 3)
    page.get_by_role("button", name="Tour").focus()
    page.keyboard.press("Enter")
    tour = page.get_by_role("complementary", name="Tour of this page")
    steps, part = tour.get_by_role("listitem"), page.locator("[data-tour=runs]")
    expect(tour.locator("[aria-current=step]")).to_contain_text("The list")
    expect(part).to_have_attribute("data-tour-now", "")
    page.get_by_label("Choose a").check()
    page.get_by_label("Choose b").check()
    expect(steps.first).to_contain_text("✓")  # what it waits for may be a state of the page
    expect(part).not_to_have_attribute("data-tour-now", "")
    page.locator("[data-tour=curves]").hover()
    expect(steps.nth(1)).to_contain_text("✓")  # or what is done to a part
    page.keyboard.press("Escape")
    expect(tour).to_be_hidden()
    page.reload()
    page.get_by_role("button", name="Tour").click()
    expect(tour.locator("[aria-current=step]")).to_contain_text("What differs")
    page.goto(served.address)  # where it is not on the page
    page.get_by_role("button", name="Tour").click()
    expect(tour.get_by_text("It is not on the page yet")).to_be_visible()
    tour.get_by_role("button", name="Show it").click()
    expect(page.locator("[data-tour=differences]")).to_have_attribute("data-tour-now", "")
    expect(tour.get_by_role("button", name="Show it")).to_be_hidden()


def test_a_word_is_explained_as_the_glossary_has_it(page: Page, served) -> None:
    Run.create(served.studio.root / "first", kind="text", recipe={}, plan={"steps": 10}, command=["glassworks"])
    page.get_by_role("button", name="run", exact=True).focus()
    expect(page.get_by_role("status").filter(has_text="a directory with everything")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("status").filter(has_text="a directory with everything")).to_be_hidden()
