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
