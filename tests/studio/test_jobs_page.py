"""A training started, stopped and gone on with from the page; a start that fails."""

import re

from playwright.sync_api import Page, expect

from glassworks.core.runs import Run

PATIENT = 120_000
"""Milliseconds in which torch is loaded on a busy machine."""


def test_a_training_is_started_stopped_and_gone_on_with(page: Page, served) -> None:
    page.get_by_role("button", name="New training").click()
    form = page.get_by_role("form", name="Start a training")
    expect(form.get_by_role("button", name="Start training")).to_be_disabled()
    form.get_by_role("combobox", name="Data").fill("nowhere.txt")
    form.get_by_label("Name").fill("fails")
    form.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert").filter(has_text="cannot be read")).to_be_visible(timeout=PATIENT)
    page.get_by_role("link", name="Runs").first.click()
    page.get_by_role("button", name="New training").click()
    form.get_by_role("combobox", name="Data").fill("moons")
    form.get_by_label("Name").fill("mine")
    form.get_by_role("button", name="Steps").click()
    form.get_by_label("Steps", exact=True).and_(form.get_by_role("spinbutton")).fill("1000000")
    form.get_by_role("button", name="Start training").click()
    expect(page).to_have_url(re.compile("/run\\?run=mine"))
    chart = page.get_by_label(re.compile("^Loss by step.*training batches [\\d.]+ at the end"))
    expect(chart).to_be_visible(timeout=PATIENT)
    page.get_by_text("What it prints").click()
    expect(page.get_by_text("ctrl-C stops it cleanly")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".facts")).to_contain_text("unfinished", timeout=PATIENT)
    stopped = Run(served.studio.root / "mine").last("metrics")["step"]
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".facts")).to_contain_text("training", timeout=PATIENT)
    expect(page.get_by_text(f"going on at step {stopped:,}")).to_be_visible(timeout=PATIENT)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".facts")).to_contain_text("unfinished", timeout=PATIENT)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=PATIENT)
