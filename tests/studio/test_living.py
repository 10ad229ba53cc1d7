"""A component in the place of a report's pictures: it begins as the picture that print has."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from glassworks.interpret.landscapes.population import population_on_function
from glassworks.report.population import page, write_populations
from glassworks.studio import front
from glassworks.studio.offline import living
from glassworks.trace.trace import Trace


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return [population_on_function(method, "ackley", generations=6) for method in ("snes", "cma_es")]


def test_searches_move_on_their_page_and_print_has_the_picture_they_begin_with(
    browser: Browser, traces: list[Trace], tmp_path: Path
) -> None:
    path = write_populations(traces, tmp_path / "page.html", living("population", "figure.population"))
    with browser.new_context(offline=True) as context:
        shown = context.new_page()
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("pageerror", lambda error: asked.append(str(error)))
        shown.goto(path.as_uri())
        assert shown.locator(".population[data-generation]").count() == 2
        for number, trace in enumerate(traces):
            search = shown.locator(".population[data-generation]").nth(number)
            still = shown.locator("figure.population").nth(number)
            expect(still).to_be_hidden()
            expect(search).to_have_attribute("data-generation", "5")
            low, high = float(trace.labels["first"][0]), float(trace.labels["first"][-1])
            places = np.stack([trace.arrays["member_first"], trace.arrays["member_second"]])
            inside = ((places >= low) & (places <= high)).all(0).sum(1)
            dots = still.locator("svg circle.line2")
            assert search.locator("circle.member").count() == dots.count() == inside[-1]
            search.get_by_role("slider").fill("1")
            expect(search).to_have_attribute("data-generation", "1")
            assert search.locator("circle.member").count() == inside[1]
            lowest = float(search.locator("[data-lowest]").get_attribute("data-lowest"))
            assert lowest == pytest.approx(float(trace.arrays["lowest"][1]), rel=1e-6)
            cell = (high - low) / (len(trace.labels["first"]) - 1)
            share = float(search.locator("circle.member").first.get_attribute("cx")) / 320
            first = next(i for i in range(places.shape[2]) if (abs(places[:, 1, i]) <= high).all())
            assert share * (high - low + cell) + low - cell / 2 == pytest.approx(float(places[0, 1, first]), abs=1e-4)
        search.get_by_role("button", name="Play").click()
        expect(search).to_have_attribute("data-generation", "5")
        expect(search.get_by_role("button", name="Play")).to_be_visible()
        shown.emulate_media(media="print")
        expect(still).to_be_visible()
        expect(search).to_be_hidden()
        assert asked == [path.as_uri()]


def test_a_page_has_the_script_once_and_stays_light(traces: list[Trace]) -> None:
    one, two = (page(traces[:count], living("population", "figure.population")) for count in (1, 2))
    assert one.count("Glassworks.mount(place") == two.count("Glassworks.mount(place") == 1
    assert len(one) - len(page(traces[:1])) < 100_000
    assert len(two) - len(one) < 100_000


def test_where_the_front_end_is_not_built_the_pictures_stay(
    traces: list[Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "STATIC", tmp_path)
    assert page(traces, living("population", "figure.population")) == page(traces)
