"""The list of runs, and a run's page, in a browser."""

import json

from playwright.sync_api import Page, expect

from glassworks.core.runs import Run


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


def test_a_tour_waits_until_each_part_was_tried_and_remembers_it(page: Page, served) -> None:
    Run.create(served.studio.root / "first", kind="text", recipe={}, plan={"steps": 10}, command=["glassworks"])
    part = page.locator("[data-tour=runs]")
    expect(part).to_be_visible()
    page.get_by_role("button", name="Tour").focus()
    page.keyboard.press("Enter")
    tour = page.get_by_role("complementary", name="Tour of this page")
    expect(tour.locator("[aria-current=step]")).to_contain_text("The list")
    expect(part).to_have_attribute("data-tour-now", "")
    part.hover()
    expect(tour.get_by_role("listitem").first).to_contain_text("✓")
    expect(part).not_to_have_attribute("data-tour-now", "")
    assert page.evaluate("localStorage.getItem('glassworks.tour.runs')") is not None
    page.keyboard.press("Escape")
    expect(tour).to_be_hidden()


def test_a_word_is_explained_as_the_glossary_has_it(page: Page, served) -> None:
    Run.create(served.studio.root / "first", kind="text", recipe={}, plan={"steps": 10}, command=["glassworks"])
    page.get_by_role("button", name="run", exact=True).focus()
    expect(page.get_by_role("status").filter(has_text="a directory with everything")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("status").filter(has_text="a directory with everything")).to_be_hidden()
