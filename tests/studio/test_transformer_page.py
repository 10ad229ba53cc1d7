"""The Transformer page in a browser: what it shows is what torch computes."""

import re

import pytest
import torch
from playwright.sync_api import Page, expect
from tests.studio.test_transformer import ids, studio_of

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.lens import untrained
from glassworks.interpret.transformer.saliency import saliency_of
from glassworks.models.generation.choice import Sampling, candidates


def numbers(page: Page, selector: str, attribute: str) -> list[float]:
    return [float(x.get_attribute(attribute) or "nan") for x in page.locator(selector).all()]


def sums(page: Page) -> list[tuple[float, float]]:
    """What the page works out, and the number that it was sent, of every formula that is shown."""
    found = page.locator(".detail [data-sum]").evaluate_all("all => all.map(x => [+x.dataset.sum, +x.dataset.value])")
    return [(mine, torchs) for mine, torchs in found]


def test_without_a_model_it_says_what_to_do_first(page: Page, served) -> None:
    page.goto(f"{served.address}/transformer")
    expect(page.get_by_text("There is no language model here yet")).to_be_visible()
    expect(page.get_by_text("glassworks demo")).to_be_visible()


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "nanochat"])
@torch.no_grad()
def test_every_station_works_its_number_out_to_what_torch_has(page: Page, served, architecture: str) -> None:
    studio_of(served.studio.root, architecture, n_layer=2)
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&token=4&unit=3&block=1&head=1")
    stations = page.get_by_role("group", name="Station").get_by_role("button")
    expect(stations).to_have_count(14)
    for i in range(14):
        stations.nth(i).click()
        part = stations.nth(i).text_content()
        expect(stations.nth(i)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".detail [data-sum]").first).to_be_visible()
        for mine, torchs in sums(page):
            assert mine == pytest.approx(torchs, rel=1e-3, abs=1e-5), part
    page.get_by_role("button", name="The block before").click()
    page.get_by_role("button", name="Embedding", exact=True).click()
    expect(page.get_by_text("is token 116 of 257, at place 4")).to_be_visible()  # the letter t
    for mine, torchs in sums(page):
        assert mine == pytest.approx(torchs, rel=1e-3, abs=1e-5)


@torch.no_grad()
def test_probabilities_follow_the_sliders_and_edits_stand_beside_the_unchanged(page: Page, served) -> None:
    _, model = studio_of(served.studio.root)
    logits = model(ids())[0, -1]
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&temperature=0.5&topk=8&topp=0.9")
    rows = page.locator("[data-chance]")
    expect(rows).to_have_count(10)
    expected, order = candidates(logits[None], Sampling(temperature=0.5, top_k=8, top_p=0.9))
    expected = expected[0] / expected.sum()
    assert numbers(page, "tr[data-id]", "data-id")[:8] == order[0].tolist()
    assert numbers(page, "[data-chance]", "data-chance") == pytest.approx([*expected.tolist(), 0, 0], abs=1e-5)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("slider", name="temperature").fill("1")
    page.get_by_role("slider", name="top-k").fill("0")
    page.get_by_role("slider", name="top-p").fill("1")
    expect(page).not_to_have_url(re.compile("temperature=0.5"))
    assert numbers(page, "[data-chance]", "data-chance")[0] == pytest.approx(float(logits.softmax(-1).max()), abs=1e-5)
    assert asked == []  # nothing was computed anew

    page.get_by_role("button", name="Silence head 1").click()
    changed = page.locator("[data-kl]")
    expect(changed).to_be_visible()
    width = model.config.width_of_head
    model.blocks[0].attn.proj.weight[:, width : 2 * width] = 0
    after = model(ids())[0, -1].log_softmax(-1)
    plain = logits.log_softmax(-1)
    assert float(changed.get_attribute("data-kl") or "nan") == pytest.approx(
        float((plain.exp() * (plain - after)).sum()), rel=1e-3
    )
    expect(page).to_have_url(re.compile("edits=h0.1"))
    page.get_by_role("button", name="Give head 1 back").click()
    expect(changed).to_have_count(0)


@torch.no_grad()
def test_a_cell_that_is_cut_is_zero_and_its_row_says_so(page: Page, served) -> None:
    _, model = studio_of(served.studio.root, "qwen3")
    with capture(model, "blocks.1.attn.pattern") as seen:
        model(ids())
    weight = float(seen["blocks.1.attn.pattern"][0, 2, 6, 3])
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&block=1&head=2&token=6&unit=3")
    row = page.locator("[data-weight]")
    expect(row).to_be_visible()
    assert float(row.get_attribute("data-weight") or "nan") == pytest.approx(weight, rel=1e-3)
    page.get_by_role("button", name="Cut what s reads from a").click()
    expect(row).to_have_attribute("data-weight", "0")
    expect(row).to_contain_text("× 0 by your edit")
    expect(page.locator("[data-kl]")).to_be_visible()


def test_it_writes_on_and_a_link_reopens_what_was_chosen(page: Page, served) -> None:
    studio_of(served.studio.root)
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&temperature=0")
    page.get_by_role("button", name="Write a token").click()
    expect(page.locator(".tokens button")).to_have_count(10)
    expect(page.get_by_text("Last drawn:")).to_be_visible()
    page.get_by_role("button", name="The next block").click()
    page.get_by_role("button", name="Head 1", exact=True).click()
    page.get_by_role("button", name="Neurons", exact=True).click()
    page.get_by_role("img", name=re.compile("^neurons")).last.press("Enter")
    expect(page).to_have_url(re.compile("unit="))
    page.get_by_role("button", name=re.compile("Silence neuron")).click()
    expect(page.locator(".edits")).to_contain_text("of block 1")
    page.goto(page.url)
    expect(page.locator(".block strong")).to_have_text("1")
    expect(page.get_by_role("button", name="Head 1", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".edits")).to_contain_text("of block 1")
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible()
    expect(page.locator(".tokens button")).to_have_count(10)


@torch.no_grad()
def test_the_other_views_show_the_models_own_weights_scores_and_guesses(page: Page, served) -> None:
    _, model = studio_of(served.studio.root, "qwen3")
    with capture(model, ["blocks.*.attn.pattern", "blocks.1.attn.q", "blocks.1.attn.k", "blocks.*.resid_post"]) as seen:
        logits = model(ids())[0]
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&view=lines&block=1&token=6")
    row = seen["blocks.1.attn.pattern"][0, :, 6]
    expect(page.locator("[data-lines]")).to_have_attribute("data-lines", str(int((row >= 0.05).sum())))
    best = row[3].max()
    expect(page.get_by_label("What each head reads most")).to_contain_text(f"{100 * float(best):.0f} %")

    page.get_by_role("button", name="Query × key").click()
    page.get_by_role("button", name="Head 3", exact=True).click()
    scores = seen["blocks.1.attn.q"][0, 6, 3] @ seen["blocks.1.attn.k"][0, :7, 1].t()
    expect(page.locator("[data-score]")).to_have_count(7)
    assert numbers(page, "[data-score]", "data-score") == pytest.approx(scores.tolist(), rel=1e-3, abs=1e-5)

    page.get_by_role("button", name="Layers").click()
    expect(page.locator("[data-top]").first).to_be_visible()
    guesses = [*logits.argmax(-1).tolist(), *model.unembed(seen["blocks.0.resid_post"][0]).argmax(-1).tolist()]
    assert numbers(page, "[data-top]", "data-top")[:18] == guesses
    order = model.unembed(seen["blocks.0.resid_post"][0, 6]).argsort(descending=True).tolist()
    ranks = [order.index(id) + 1 for id in logits[6].topk(5).indices.tolist()]
    assert numbers(page, "[data-rank]", "data-rank")[:10] == [1, 2, 3, 4, 5, *ranks]
    page.locator(".lens td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tip")).to_contain_text("block 0, after ")

    page.get_by_role("button", name="All heads").click()
    page.get_by_role("button", name="Head 2 of block 0").click()
    expect(page).to_have_url(re.compile("block=0.*head=2"))
    expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    page.mouse.move(1, 1)
    expect(page.locator(".tip")).to_be_hidden()  # the button that it was about is no more
    page.go_back()
    expect(page.get_by_role("button", name="Head 2 of block 0")).to_be_visible()


def test_what_counts_and_training_show_what_was_measured(page: Page, served) -> None:
    _, model = studio_of(served.studio.root, "qwen3")
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&view=saliency&of=5")
    expect(page.locator("[data-nats]")).to_have_count(10)
    found, control = (saliency_of(of, ids()[0, :5], ord(" ")) for of in (model, untrained(model)))
    for name, measure in (("Replaced", "replaced"), ("Cut", "cut"), ("Gradient × input", "gradient")):
        page.get_by_role("button", name=name).click()
        expected = [*getattr(found, measure).tolist(), *getattr(control, measure).tolist()]
        assert numbers(page, "[data-nats]", "data-nats") == pytest.approx(expected, rel=1e-3, abs=1e-5)
    page.get_by_role("button", name="what comes next").click()
    expect(page.locator("[data-nats]")).to_have_count(18)

    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat&view=training&token=4")
    expect(page.get_by_text("This model has no checkpoints")).to_be_visible()
    with torch.no_grad():
        chance = model(ids())[0, 4].softmax(-1)[ord(" ")]  # which follows "a cat"
    assert numbers(page, "[data-chance-at]", "data-chance-at")[1] == pytest.approx(float(chance), rel=1e-3)


@torch.no_grad()
def test_a_page_of_one_file_opens_without_the_studio_and_shows_the_same_numbers(page: Page, served, kept) -> None:
    _, model = studio_of(served.studio.root, "gpt2")
    page.goto(f"{served.address}/transformer?run=it&text=a+cat+sat")
    alone = kept(page)
    top = float(model(ids())[0, -1].div(0.8).softmax(-1).max())
    assert numbers(alone, "[data-chance]", "data-chance")[0] == pytest.approx(top, rel=1e-3)
    alone.get_by_role("button", name="The next block").click()
    for station in ("Query", "Attention", "What attention adds", "LayerNorm before the MLP", "Logits"):
        alone.get_by_role("group", name="Station").get_by_role("button", name=station, exact=True).click()
        expect(alone.locator(".detail [data-sum]").first).to_be_visible()
        for mine, torchs in sums(alone):
            assert mine == pytest.approx(torchs, rel=1e-3, abs=1e-5), station
    alone.get_by_role("button", name="Layers").click()
    expect(alone.locator("[data-top]").first).to_be_visible()
    alone.get_by_role("slider", name="temperature").fill("1")
    expect(alone.get_by_role("button", name="Silence head 0")).to_have_count(0)


def test_an_address_that_makes_no_sense_shows_what_can_be_shown_and_mistakes_are_lines(page: Page, served) -> None:
    studio_of(served.studio.root)
    base = f"{served.address}/transformer?run=it&text=abc"
    page.goto(
        f"{base}&part=x&view=y&block=z&head=-3&unit=1e9&token=q&start=-1&written=1,b&edits=none+h9&temperature=warm&topk=-2"
    )
    expect(page.locator(".tokens button")).to_have_count(4)
    expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    page.goto(f"{base}&edits=h7.1:0")
    expect(page.get_by_role("alert")).to_have_text("block (=7) of an edit must be from 0 to 1: take this edit away")
    page.get_by_role("button", name="Take away").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".detail")).to_be_visible()
    page.goto(f"{served.address}/transformer?run=gone")
    expect(page.get_by_role("alert")).to_contain_text("no language model gone here")
    page.get_by_label("Run").select_option("it")
    expect(page.locator(".detail")).to_be_visible()
