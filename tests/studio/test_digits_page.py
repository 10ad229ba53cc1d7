"""Drawing on the pad in a browser: what the page shows is what torch computes."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.studio.test_digits import image_run

from glassworks.studio.questions.digits import forward, unit
from glassworks.studio.studio import Studio


def test_a_folder_without_networks_for_images_says_what_to_do(page: Page, served) -> None:
    page.goto(f"{served.address}/digits")
    expect(page.get_by_text("glassworks train digits --size 28")).to_be_visible()


def test_a_stroke_is_read_by_the_network_and_a_unit_shows_torchs_numbers(page: Page, served, kept) -> None:
    image_run(served.studio.root / "lenet5", architecture="lenet5")
    own = Studio(served.studio.root)
    page.goto(f"{served.address}/digits")
    guess = page.locator("[data-guess='0']")
    expected = forward(own, "lenet5", example=0)["probabilities"].max().item()
    expect(guess).to_have_text(f"{100 * expected:.1f} %")

    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Held-out example")).to_have_value("")
    pad = page.locator("canvas.large").bounding_box()
    page.mouse.move(pad["x"] + 90, pad["y"] + 30)
    page.mouse.down()
    page.mouse.move(pad["x"] + 95, pad["y"] + 160, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile("drawn="))
    view = page.get_by_role("application")
    expect(view).to_have_attribute("aria-busy", "false")
    drawn = page.evaluate(
        "Array.from(document.querySelector('canvas.small').getContext('2d').getImageData(0, 0, 8, 8).data)"
        ".filter((_, i) => i % 4 === 0)"
    )
    assert max(drawn) > 100
    probabilities = forward(own, "lenet5", pixels=drawn)["probabilities"]
    shown = [float(page.locator(f"[data-guess='{i}']").get_attribute("data-share")) for i in range(2)]
    assert shown == pytest.approx(probabilities.topk(2).values.tolist(), abs=1e-6)

    view.focus()
    for key in ("ArrowRight", "PageDown", "PageDown", "PageDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    found = re.search(r"unit=(\d+)\.(\d+)", page.url)
    stage, number = int(found[1]), int(found[2])
    assert stage == 4
    torchs = unit(own, "lenet5", stage, number, pixels=drawn)
    box = page.get_by_role("region", name="The unit")
    expect(box.locator("[data-value=weighted]")).to_have_text(f"{torchs['values'][0]:.2f}".replace("-", "−"))
    output = float(box.locator("[data-value=output]").get_attribute("title"))
    assert output == pytest.approx(torchs["values"][-1], abs=1e-6)
    expect(box).to_contain_text("1.7159 tanh(2/3 · ")

    alone = kept(page)  # one file reads this drawing, without the studio
    expect(alone.locator("[data-guess='0']")).to_have_text(f"{100 * probabilities.max().item():.1f} %")
    expect(alone.get_by_role("button", name="Clear")).to_have_count(0)
    expect(alone.get_by_role("region", name="The unit")).to_contain_text("1.7159 tanh(2/3 · ")
    assert float(alone.locator("[data-value=output]").get_attribute("title")) == pytest.approx(output, abs=1e-6)
    alone.get_by_role("application").focus()
    for _ in range(2):
        alone.keyboard.press("PageUp")
    expect(alone.get_by_role("application")).to_have_attribute("data-unit", re.compile("^6"))
    last = alone.get_by_role("application").get_attribute("data-unit").split(".")
    end = unit(own, "lenet5", int(last[0]), int(last[1]), pixels=drawn)["values"][-1]
    assert float(alone.locator("[data-value=output]").get_attribute("title")) == pytest.approx(end, abs=1e-6)
    alone.get_by_role("button", name="3-D").click()
    expect(alone.get_by_text("c3", exact=True).last).to_be_visible()

    page.get_by_role("checkbox", name="c1").uncheck()
    page.get_by_role("button", name="3-D").click()
    expect(page.get_by_text("c3", exact=True).last).to_be_visible()
    here = page.url
    assert "view=space" in here
    assert "hidden=1" in here
    page.goto(here)  # a link reopens the drawing, the view and the unit
    expect(guess).to_have_text(f"{100 * probabilities.max().item():.1f} %")
    expect(box.locator("[data-value=output]")).to_have_attribute("title", re.compile(str(output)[:6]))

    page.get_by_role("slider", name="Checkpoint").fill("0")
    first = forward(own, "lenet5", pixels=drawn, step=0)["probabilities"].max().item()
    expect(guess).to_have_text(f"{100 * first:.1f} %")
    expect(page).to_have_url(re.compile("step=0"))
