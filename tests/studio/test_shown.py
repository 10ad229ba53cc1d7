"""Any network as a page of one file: it opens without the studio, and what it works out is torch's."""

import html
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Browser, expect
from torch import Tensor, nn

import glassworks.studio
from glassworks.studio.networks.network import WEIGHTS, network


class Own(nn.Module):
    """A user's own: functions, a branch, a part that nobody knows, softmax at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.inner = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.first(x))
        x = F.avg_pool2d(x + self.inner(x).sort(-1).values, 2)
        return F.softmax(self.head(x.mean((2, 3))), -1)


def test_a_page_of_one_file_shows_torchs_numbers(browser: Browser, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, images = Own().train(), torch.randn(2, 2, 8, 8)
    shown = glassworks.studio.show(model, images, classes=["ant", "bee", "cat"], names=["first", "second"])
    assert model.training
    path = shown.save(tmp_path / "page.html")
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto(path.as_uri())
        unit = page.get_by_role("region", name="The chosen unit")
        for number, x in enumerate(images):
            data = network(model, [x[None]])
            page.get_by_label("Image").select_option(str(number))
            for layer, value in zip(data["layers"], data["passes"][0]["values"], strict=True):
                page.locator(f"canvas[data-layer='{layer['name']}']").focus()
                page.keyboard.press("Enter")
                expect(unit.get_by_role("heading", level=2)).to_contain_text(layer["name"])
                found = float(unit.locator("[data-value]").first.get_attribute("data-value"))
                assert found == pytest.approx(float(value[0].max()), abs=1e-6), layer["name"]
        assert [layer["kind"] for layer in data["layers"]].count("opaque") == 1
        assert torch.equal(value, model.eval()(images[1:])[0].detach())
        assert asked == [path.as_uri()]


def test_a_notebook_has_it_in_a_frame() -> None:
    shown = glassworks.studio.show(nn.Linear(3, 2), torch.zeros(3, 1, 1).flatten()[None])
    frame = shown._repr_html_()
    assert html.unescape(frame.split('srcdoc="')[1].split('" title')[0]) == shown.html
    assert "Linear, layer by layer" in repr(shown)
    assert len(repr(shown)) < 100


def test_what_cannot_be_shown_is_one_line() -> None:
    conv, x = nn.Conv2d(1, 2, 3), torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"names \(1\) must be as many"):
        glassworks.studio.show(conv, x, names=["a"])
    with pytest.raises(ValueError, match=r"classes \(3\) must be as many"):
        glassworks.studio.show(conv, x, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="smaller or fewer images"):
        network(nn.ReLU(), [torch.zeros(1, 3, 2000, 2001)])


def test_a_layer_of_too_many_weights_is_a_box_that_says_so() -> None:
    layer = network(nn.Linear(WEIGHTS // 2 + 1, 2), [torch.zeros(1, WEIGHTS // 2 + 1)])["layers"][1]
    assert layer["kind"] == "opaque"
    assert "2,000,002 weights are more than a page holds" in layer["why"]
    assert "weight" not in layer
