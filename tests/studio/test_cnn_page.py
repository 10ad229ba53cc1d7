"""The page of a network in a browser: every number that it works out is torch's, and a link reopens what was chosen."""

import base64
import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from tests.studio.test_cnn import digits_run, png

from glassworks.studio.questions.cnn import forward
from glassworks.studio.studio import Studio


def shown(page: Page) -> float:
    """The number of the chosen cell, as the page holds it."""
    return float(
        page.get_by_role("region", name="The chosen unit").locator("[data-value]").first.get_attribute("data-value")
    )


def test_a_folder_without_images_says_what_to_do(page: Page, served) -> None:
    page.goto(f"{served.address}/cnn")
    expect(page.get_by_text("glassworks train digits")).to_be_visible()


def test_every_kind_of_layer_shows_torchs_numbers(page: Page, served) -> None:
    digits_run(served.studio.root / "digits")
    found = forward(Studio(served.studio.root), "digits", example=4)
    values = found["passes"][0]["values"]
    page.goto(f"{served.address}/cnn?example=4")
    unit = page.get_by_role("region", name="The chosen unit")
    for i, layer in enumerate(found["layers"][1:], start=1):
        column = page.locator(f"canvas[data-layer='{layer['name']}']")
        column.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        number = min(1, layer["shape"][0] - 1)
        expect(unit.get_by_role("heading", level=2)).to_contain_text(layer["name"])
        value = values[i][number]
        expect(unit.locator("[data-value]").first).to_be_visible()
        assert shown(page) == pytest.approx(float(value.max()), abs=1e-6), layer["name"]
    assert "layer=head" in page.url

    share = float(page.locator(".softmax [data-value]").get_attribute("data-value"))
    assert share == pytest.approx(float(values[-1].softmax(0)[1]), rel=1e-5)
    expect(unit.get_by_text("Deconvnet")).to_be_visible()


def test_a_cell_that_is_pointed_at_is_worked_out_and_a_link_reopens_it(page: Page, served) -> None:
    digits_run(served.studio.root / "digits")
    found = forward(Studio(served.studio.root), "digits", step=0, example=4)
    names = [layer["name"] for layer in found["layers"]]
    at = names.index("block1.conv2")
    values = found["passes"][0]["values"]
    page.goto(f"{served.address}/cnn?example=4&step=0&layer=block1.conv2&unit=2&place=0&from=1")
    unit = page.get_by_role("region", name="The chosen unit")
    expect(unit.locator("[data-value]")).to_be_visible()
    unit.get_by_label("the channel itself").scroll_into_view_if_needed()
    box = unit.get_by_label("the channel itself").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 5.5 / 8, box["y"] + box["height"] * 2.5 / 8)
    expect(page).to_have_url(re.compile(r"place=21"))
    assert shown(page) == pytest.approx(float(values[at][2, 2, 5]), abs=1e-6)
    weight, window = found["layers"][at]["weight"][2, 1], values[at - 1][1, 1:4, 4:7]
    cells = unit.locator(".numbers .cell").all_inner_texts()
    pairs = [[float(n.strip("×").replace("−", "-")) for n in cell.split() if n != "×"] for cell in cells]
    operands = torch.stack([window.flatten(), weight.flatten()], 1)
    torch.testing.assert_close(torch.tensor(pairs), operands, atol=0.006, rtol=0)
    total = float(unit.locator("[data-sum]").get_attribute("data-sum"))
    assert total == pytest.approx(float((window * weight).sum()), abs=1e-6)

    page.get_by_role("button", name="Play").first.click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.goto(page.url)
    expect(unit.get_by_role("heading", level=2)).to_contain_text("block1.conv2, channel 2")
    page.get_by_role("button", name="Network").click()
    expect(page).to_have_url(re.compile("scale=network"))


def test_a_file_is_read_what_is_none_is_said_and_an_uneven_stride_is_flagged(page: Page, served) -> None:
    digits_run(served.studio.root / "digits")
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    expected = forward(Studio(served.studio.root), "digits", image=png(pixels))["passes"][0]["values"]
    page.goto(f"{served.address}/cnn?layer=block1.norm1")
    expect(page.get_by_role("region", name="The chosen unit")).to_be_visible()
    file = page.get_by_label("An image file")
    file.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": base64.b64decode(png(pixels))})
    unit = page.get_by_role("region", name="The chosen unit")
    value = str(float(expected[3][0].max()))[:6]
    expect(unit.locator("[data-value]").first).to_have_attribute("data-value", re.compile(re.escape(value)))
    file.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no image"})
    expect(page.get_by_role("alert")).to_contain_text("no image of")

    stride = page.get_by_role("slider", name="Stride")
    expect(page.get_by_text("/ 1 + 1 =")).to_contain_text("= 5")
    grid = page.get_by_role("img", name="The output, 5 × 5")
    grid.focus()
    for key in ("ArrowDown", "End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(grid).to_have_attribute("aria-label", re.compile("row 2, column 4 is chosen"))
    stride.fill("3")
    expect(stride).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("does not come out even")).to_be_visible()
    page.get_by_role("slider", name="Padding").fill("1")
    expect(stride).to_have_attribute("aria-invalid", "false")
