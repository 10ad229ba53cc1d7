"""The playground in a browser: what it draws equals torch, a weight moves under a hand, and a link opens it again."""

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from glassworks.studio.offline import offline_page
from glassworks.studio.playground.edits import edits_from
from glassworks.studio.playground.experiment import Experiment
from glassworks.studio.playground.settings import settings_from
from glassworks.studio.playground.surface import surface
from glassworks.studio.questions import playground
from glassworks.studio.studio import Studio


def link_of(page: Page) -> dict[str, str]:
    """What the address says."""
    found: dict[str, str] = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    return found


def of_link(page: Page) -> Experiment:
    """The experiment that the address describes, in Python."""
    link = link_of(page)
    experiment = Experiment(settings_from(link), edits_from(link.get("edits", "")))
    experiment.advance(int(link.get("step", 0)))
    return experiment


def output_at(page: Page, x: float, y: float) -> float:
    """What the page says of a point of the plane, as the pointer reads it."""
    box = page.get_by_role("application", name="over the plane").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + (x / 6 + 1) / 2 * box["width"], box["y"] + (1 - y / 6) / 2 * box["height"])
    text = page.get_by_test_id("readout").inner_text().replace("−", "-")
    found = re.match(r"x₁ (\S+), x₂ (\S+): output (\S+?)(,|$)", text)
    assert found is not None, text
    return float(found[3])


def told(experiment: Experiment, x: float, y: float) -> float:
    with torch.no_grad():
        return float(experiment.model(torch.tensor([[x, y]]))[0, 0])


@pytest.fixture
def opened(page: Page, served) -> Page:
    page.goto(f"{served.address}/playground?points=80&step=40&test=1")
    expect(page.get_by_test_id("step")).to_have_attribute("data-step", "40")
    return page


def test_numbers_of_the_page_are_torchs(opened: Page) -> None:
    experiment = of_link(opened)
    train, test = experiment.losses()
    for name, loss in (("train-loss", train), ("test-loss", test)):
        assert float(opened.get_by_test_id(name).inner_text()) == pytest.approx(loss, rel=1e-3)
    for x, y in ((0.3, 5.7), (-5.7, -5.5), (5.8, 0.1)):  # away from points, whose own place would be told
        assert output_at(opened, x, y) == pytest.approx(told(experiment, x, y), abs=0.02)  # a pixel is 0.04 wide
    opened.get_by_role("application", name="over the plane").focus()
    for key in ("ArrowRight", *["Shift+ArrowUp"] * 6):
        opened.keyboard.press(key)
    expect(opened.get_by_test_id("readout")).to_have_text(
        f"x₁ 0.00, x₂ 6.00: output {told(experiment, 0.0, 6.0):.4f}".replace("-", "−")
    )
    weights = opened.locator("[data-edge='0:2:1']")
    weights.dispatch_event("pointermove")
    said = opened.locator(".tip").inner_text().replace("−", "-")
    assert f"{float(experiment.model.linear1.weight.detach()[2, 1]):.4f}" in said
    drawn = opened.locator(".plane canvas").first.evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, 64, 64).data]"
    )
    pixels = np.array(drawn).reshape(64, 64, 4)
    places = (2 * torch.arange(64) + 1) / 64 * 6 - 6
    columns, rows = torch.meshgrid(places, -places, indexing="xy")
    with torch.no_grad():
        values = experiment.model(torch.stack([columns.flatten(), rows.flatten()], 1))[:, 0].reshape(64, 64).numpy()
    orange = pixels[..., 0].astype(int) > pixels[..., 2]
    clear = np.abs(values) > 0.1
    assert (orange == (values > 0))[clear].all()


def test_a_weight_moves_under_a_hand_and_training_goes_on_from_there(opened: Page) -> None:
    before = output_at(opened, 5.8, 0.1)
    opened.get_by_role("button", name="neuron 2.1: its weights").click()
    opened.get_by_label("neuron 1.3", exact=True).fill("3")
    opened.get_by_label("neuron 1.3", exact=True).press("Enter")
    opened.wait_for_url("**edits=40*")
    assert link_of(opened)["edits"] == "40:1:0:2:3"
    experiment = of_link(opened)
    assert float(experiment.model.linear2.weight.detach()[0, 2]) == 3
    assert output_at(opened, 5.8, 0.1) == pytest.approx(told(experiment, 5.8, 0.1), abs=0.02) != before
    opened.get_by_label("Learning rate").select_option("0.3")
    opened.wait_for_url("**lr*")
    opened.get_by_role("button", name="Step").click()
    expect(opened.get_by_test_id("step")).to_have_attribute("data-step", "65")
    opened.wait_for_url("**step=65*")
    again = of_link(opened)
    assert float(opened.get_by_test_id("train-loss").inner_text()) == pytest.approx(again.losses()[0], rel=1e-3)
    assert again.settings.lr == 0.3
    loss = opened.get_by_test_id("train-loss").inner_text()
    opened.reload()
    expect(opened.get_by_test_id("step")).to_have_attribute("data-step", "65")
    expect(opened.get_by_test_id("train-loss")).to_have_text(loss)
    opened.get_by_role("button", name="Reset").click()
    expect(opened.get_by_test_id("step")).to_have_attribute("data-step", "0")
    assert link_of(opened) == {"points": "80", "test": "1", "lr": "0.3"}


def test_it_plays_and_pauses_and_every_control_is_in_the_link(opened: Page) -> None:
    opened.get_by_role("button", name="Play", exact=True).click()
    expect(opened.get_by_test_id("step")).not_to_have_attribute("data-step", re.compile("^(40|65)$"))
    opened.get_by_role("button", name="Pause").click()
    opened.get_by_role("button", name="spirals").click()
    expect(opened.get_by_test_id("step")).to_have_attribute("data-step", "0")
    opened.get_by_role("button", name="Feature sin x₁").click()
    opened.get_by_role("button", name="Add a neuron to layer 2").click()
    opened.get_by_role("button", name="Add a hidden layer").click()
    opened.get_by_label("Optimizer").select_option("cma_es")
    opened.get_by_label("Activation").select_option("relu")
    opened.get_by_label("Regularisation").select_option("l2")
    opened.wait_for_url("**penalty=l2*")
    assert link_of(opened) == {
        "points": "80",
        "test": "1",
        "data": "spirals",
        "features": "x1,x2,sin1",
        "layers": "4,3,3",
        "optimizer": "cma_es",
        "activation": "relu",
        "penalty": "l2",
    }
    opened.get_by_role("button", name="Candidates").click()
    opened.get_by_role("button", name="Step").click()
    experiment = Experiment(settings_from(link_of(opened)))
    expect(opened.get_by_text(re.compile(r"The \d+ candidates of the last step"))).to_contain_text(
        str(experiment.optimizer.settings["population"])
    )
    opened.get_by_role("button", name="Loss surface").click()
    plane = opened.get_by_role("img", name="The loss on a plane")
    plane.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "End"):  # the first press is in the middle
        opened.keyboard.press(key)
    tip = opened.locator(".tip")
    found = surface(of_link(opened))
    expect(tip).to_have_text(re.compile(rf"^{found['ticks'][30]:.2f}, {found['ticks'][15]:.2f}: loss "))
    said = float(tip.inner_text().split("loss ")[1].replace(",", ""))
    assert said == pytest.approx(float(found["loss"][15, 30]), rel=1e-3)
    opened.keyboard.press("ArrowDown")
    expect(tip).to_have_text(re.compile(rf"^{found['ticks'][30]:.2f}, {found['ticks'][14]:.2f}: loss "))
    opened.keyboard.press("Tab")  # to the word Hessian, which says what it means
    expect(tip).not_to_have_text(re.compile(": loss "))
    opened.get_by_label("Optimizer").select_option("extreme_learning_machine")
    expect(opened.get_by_role("alert")).to_contain_text("solves for the last layer")
    opened.get_by_label("Optimizer").select_option("sgd")
    expect(opened.get_by_role("alert")).to_have_count(0)


def test_the_graph_of_scalars_goes_forward_and_backward_with_torchs_numbers(opened: Page, served) -> None:
    opened.goto(f"{served.address}/playground?points=80&layers=2&step=20&view=scalar&point=3")
    words = opened.get_by_test_id("scalar-words")
    expect(words).to_contain_text("Leaves are there")
    opened.get_by_role("button", name="To the loss").click()
    experiment = of_link(opened)
    loss = experiment.loss(experiment.model, (experiment.inputs[3:4], experiment.targets[3:4]))
    expect(words).to_contain_text("loss = ")
    said = words.inner_text().split("= ")[-1].replace("−", "-")
    assert float(said) == pytest.approx(float(loss.detach()), rel=1e-3, abs=1e-5)
    experiment.model.zero_grad()
    loss.backward()
    opened.get_by_role("button", name="To the end").click()
    box = opened.locator("[data-box]").filter(has_text="w1.2.1").locator(".grad")
    assert float(box.text_content() or "") == pytest.approx(
        float(experiment.model.linear1.weight.grad[1, 0]), rel=1e-3, abs=1e-6
    )
    opened.get_by_role("button", name="Take it away").click()
    expect(opened.get_by_test_id("python")).to_contain_text("experiment.advance(20)")


def test_points_of_ones_own_are_drawn_and_pasted(opened: Page) -> None:
    opened.get_by_role("button", name="your own").click()
    expect(opened.get_by_text("0 of at most")).to_be_visible()
    expect(opened.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    opened.get_by_text("Paste a table").click()
    opened.get_by_label("A table of x1, x2, label").fill("a,b,c\n0,0,one\n1,1,two\n2,0,one")
    opened.get_by_role("button", name="Take it", exact=True).click()
    expect(opened.get_by_test_id("pasted")).to_contain_text("3 points: a from 0 to 2")
    plane = opened.get_by_role("application", name="over the plane")
    plane.click(position={"x": 20, "y": 30})
    expect(opened.get_by_text("4 of at most")).to_be_visible()
    experiment = of_link(opened)
    assert len(experiment.inputs) == 4
    opened.get_by_role("button", name="Undo").click()
    expect(opened.get_by_text("3 of at most")).to_be_visible()


def test_a_network_of_no_numbers_says_so_and_reset_mends_it(opened: Page, served) -> None:
    opened.goto(f"{served.address}/playground?points=80&data=plane&activation=linear&lr=10&step=400")
    expect(opened.get_by_role("alert")).to_contain_text("The loss is no number any more")
    expect(opened.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    opened.get_by_role("button", name="Reset").click()
    expect(opened.get_by_role("alert")).to_have_count(0)
    expect(opened.get_by_role("button", name="Play", exact=True)).to_be_enabled()


def test_a_page_of_one_file_has_its_heat_maps_and_a_hand_without_python(browser, tmp_path) -> None:
    studio = Studio(tmp_path)
    look = playground.look(studio, "tab", {"points": "80"}, 0)
    data = {"choices": playground.controls(studio), "link": {}, "look": look}
    (tmp_path / "page.html").write_text(offline_page("Playground", "playground", data), "utf-8")
    context = browser.new_context(offline=True)
    alone = context.new_page()
    failures: list[str] = []
    alone.on("pageerror", lambda error: failures.append(str(error)))
    alone.goto((tmp_path / "page.html").as_uri())
    experiment = Experiment(settings_from({"points": "80"}))
    assert output_at(alone, 5.8, 0.1) == pytest.approx(told(experiment, 5.8, 0.1), abs=0.02)
    alone.get_by_role("button", name="output: its weights").click()
    alone.get_by_label("neuron 2.1", exact=True).fill("-4")
    alone.get_by_label("neuron 2.1", exact=True).press("Enter")
    experiment = Experiment(settings_from({"points": "80"}), edits_from("0:2:0:0:-4"))
    experiment.advance(0)
    assert output_at(alone, 5.8, 0.1) == pytest.approx(told(experiment, 5.8, 0.1), abs=0.02)
    expect(alone.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    context.close()
    assert failures == []
