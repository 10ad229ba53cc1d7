"""The Translation page in a browser: what it shows is what torch computes, and a link reopens it."""

import math
import re

import pytest
import torch
from playwright.sync_api import Page, expect
from tests.studio.test_translation import TARGET, TEXT, ids_of, pairs_run

from glassworks.interpret.access.hooks import capture
from glassworks.models.seq2seq.decode import beam_search, greedy
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.studio.offline import offline_page
from glassworks.studio.questions import translation

AT = f"/translation?run=dates&text={TEXT.replace(' ', '+')}&target={TARGET}"


def numbers(page: Page, selector: str, attribute: str) -> list[float]:
    return [float(x.get_attribute(attribute) or "nan") for x in page.locator(selector).all()]


def check_sums(page: Page, count: int) -> None:
    """Every formula that is shown comes to the model's own number."""
    expect(page.locator("[data-sum]")).to_have_count(count)
    mine, torchs = (numbers(page, "[data-sum]", name) for name in ("data-sum", "data-value"))
    assert mine == pytest.approx(torchs, rel=1e-3, abs=1e-5)


def test_without_a_run_it_says_what_to_do_first(page: Page, served) -> None:
    page.goto(f"{served.address}/translation")
    expect(page.get_by_text("There is no encoder-decoder here yet")).to_be_visible()
    expect(page.get_by_text("glassworks train --data dates")).to_be_visible()


@torch.no_grad()
def test_attention_output_and_search_show_torchs_numbers(page: Page, served) -> None:
    opened = pairs_run(served.studio.root)
    model = opened.model
    read, written = ids_of(opened, TEXT, TARGET)
    with capture(model, "decoder.1.*") as seen:
        logits = model(read, written)[0]

    page.goto(f"{served.address}{AT}&view=steps&stack=decoder&layer=1&part=cross&head=1&token=2&key=3&stage=4")
    expect(page.locator("[data-score]")).to_have_count(read.size(1))
    assert numbers(page, "[data-score]", "data-score") == pytest.approx(
        seen["decoder.1.cross.scores"][0, 1, 2].tolist()
    )
    weights = seen["decoder.1.cross.pattern"][0, 1, 2].tolist()
    assert numbers(page, "[data-weight]", "data-weight") == pytest.approx(weights)
    check_sums(page, 1)
    for cell in ("q", "z"):  # what makes a number of each stands below when the pointer is on it
        page.get_by_role("img", name=re.compile(f"^{cell}: ")).hover()
        expect(page.locator(".worked strong").first).to_contain_text(f"{cell}")
        check_sums(page, 1)
    page.get_by_role("button", name="self-attention").click()
    hidden = page.locator("tr.hidden")
    expect(hidden).to_have_count(written.size(1) - 3)  # what comes later is masked
    expect(hidden.first.locator("[data-score]")).to_have_text("−∞")
    page.get_by_role("button", name="As matrices").click()
    check_sums(page, 1)
    page.get_by_role("img", name=re.compile("^V: ")).hover()
    expect(page.locator(".worked strong").first).to_contain_text("V of")
    check_sums(page, 1)

    views = page.get_by_role("group", name="View")
    views.get_by_role("button", name="All heads").click()
    check_sums(page, 1)
    views.get_by_role("button", name="Add & norm").click()
    check_sums(page, 2)
    views.get_by_role("button", name="Positions").click()
    check_sums(page, 1)
    page.get_by_role("button", name="interleaved").click()
    page.get_by_role("img", name=re.compile("^positions, interleaved")).hover()
    check_sums(page, 1)
    views.get_by_role("button", name="Lines").click()
    lines = (seen["decoder.1.attn.pattern"][0, :, 2, :3] >= 0.05).sum()
    expect(page.locator("[data-lines]")).to_have_attribute("data-lines", str(int(lines)))

    views.get_by_role("button", name="Output").click()
    page.get_by_role("group", name="Place").get_by_role("button").nth(1).click()
    expect(page).to_have_url(re.compile("time=1"))
    shown = [int(x) for x in numbers(page, "[data-id]", "data-id")]
    now, fresh = logits[1].softmax(-1), Seq2Seq(model.config, seed=4).eval()(read, written)[0, 1].softmax(-1)
    assert shown[:8] == now.topk(8).indices.tolist()
    assert numbers(page, "[data-now]", "data-now") == pytest.approx(now[shown].tolist(), rel=1e-4)
    assert numbers(page, "[data-before]", "data-before") == pytest.approx(fresh[shown].tolist(), rel=1e-4)
    right = int(opened.tokenizer.encode(TARGET)[1])
    smooth = 0.1 / model.config.vocab_size
    goal = [0.9 + smooth if id == right else smooth for id in shown]
    assert numbers(page, "[data-target]", "data-target") == pytest.approx(goal)
    loss = torch.nn.functional.cross_entropy(logits[1], torch.tensor(right), label_smoothing=0.1)
    assert numbers(page, "[data-loss]", "data-loss") == pytest.approx([float(loss)], rel=1e-4)
    check_sums(page, 2)

    views.get_by_role("button", name="Search").click()
    found = beam_search(model, read)[0]
    expect(page.locator("td[data-score]")).to_have_count(len(found))
    assert numbers(page, "td[data-score]", "data-score") == pytest.approx([one.score for one in found], rel=1e-4)
    sums = [one.log_prob for one in (greedy(model, read)[0], *found)]
    assert numbers(page, "[data-log-prob]", "data-log-prob") == pytest.approx(sums, rel=1e-4)


@torch.no_grad()
def test_it_zooms_from_the_box_to_tensors_plays_word_by_word_and_a_link_reopens_it(page: Page, served) -> None:
    opened = pairs_run(served.studio.root)
    source, target = opened.data.validation.texts[0]
    page.goto(f"{served.address}/translation")
    page.get_by_title(source, exact=True).click()
    expect(page.get_by_text(f"should be: {target}")).to_be_visible()
    own = greedy(opened.model, ids_of(opened, source, "")[0])[0]
    expect(page.locator("[data-says]")).to_have_attribute("data-says", opened.tokenizer.decode(own.ids))
    page.locator(".black").click()
    page.get_by_role("button", name="encoder 1").click()
    page.get_by_role("button", name="Feed forward of encoder 1", exact=True).click()
    page.mouse.move(0, 0)
    expect(page).to_have_url(re.compile("level=3.*layer=1.*part=mlp"))
    hidden = page.locator("[data-hidden]")
    read, _ = ids_of(opened, source, "")
    with capture(opened.model, "encoder.1.mlp.post") as seen:
        opened.model.encode(read)
    value = float(seen["encoder.1.mlp.post"][0, 0, 0])
    assert float(hidden.get_attribute("data-hidden") or "nan") == pytest.approx(value, abs=1e-5)

    page.get_by_role("button", name="a given answer").click()
    answer = page.get_by_role("textbox", name="Answer that the decoder reads")
    expect(answer).to_have_value(target)
    page.get_by_role("textbox", name="Text to translate").fill(TEXT)
    expect(answer).to_have_count(0)  # the answer was that of the other text
    page.get_by_role("button", name="a given answer").click()
    answer.fill(TARGET)
    expect(page).to_have_url(re.compile(TARGET))
    page.get_by_role("button", name="Word by word").click()
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("[data-frame]")).to_have_attribute("data-frame", "1")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("slider", name="Frame").fill("5")
    read, written = ids_of(opened, TEXT, TARGET)
    with capture(opened.model, "decoder.1.cross.pattern") as seen:
        chances = opened.model(read, written)[0].softmax(-1).max(-1).values
    mean = seen["decoder.1.cross.pattern"][0, :, 2].mean(0)
    drawn = [weight for weight in mean.tolist() if weight >= 0.01]
    expect(page.locator("line[data-weight]")).to_have_count(len(drawn))
    assert numbers(page, "line[data-weight]", "data-weight") == pytest.approx(drawn, rel=1e-4)
    assert numbers(page, "[data-chance]", "data-chance") == pytest.approx(chances[:3].tolist(), rel=1e-4)
    page.goto(page.url)
    expect(page.locator("[data-frame]")).to_have_attribute("data-frame", "5")
    expect(answer).to_have_value(TARGET)
    page.get_by_role("slider", name="Checkpoint").fill("0")
    expect(page).to_have_url(re.compile("step=3"))
    page.get_by_role("textbox", name="Text to translate").fill("z" * 200)
    expect(page.get_by_role("alert")).to_contain_text("this network reads 48: give a shorter one")


def test_one_file_shows_the_same_without_a_studio(page: Page, served, tmp_path) -> None:
    pairs_run(served.studio.root)
    whole = translation.whole(served.studio, "dates", TEXT, TARGET)
    (tmp_path / "page.html").write_text(offline_page("dates translates", "translation", whole), "utf-8")
    alone = page.context.browser.new_page()  # type: ignore[union-attr]
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto((tmp_path / "page.html").as_uri())
    alone.get_by_role("button", name="Attention", exact=True).click()
    check_sums(alone, 1)
    alone.get_by_role("button", name="Add & norm").click()
    check_sums(alone, 2)
    alone.get_by_role("button", name="Output").click()
    losses = numbers(alone, "[data-loss]", "data-loss")
    assert losses == pytest.approx([whole["forward"]["loss"][0]], rel=1e-4)
    assert math.isfinite(losses[0])
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    alone.close()
