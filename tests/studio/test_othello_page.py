"""Playing against a network in a browser: moves, its answer, the illegal share, and an edit beside its controls."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.studio.test_othello import MOVES, game_run

from glassworks.studio.questions.othello import edit, position
from glassworks.studio.studio import Studio


def test_a_folder_without_games_says_what_to_do(page: Page, served) -> None:
    page.goto(f"{served.address}/othello")
    expect(page.get_by_text("glassworks reproduce othello --quick")).to_be_visible()


def test_one_plays_against_the_network_and_changes_its_board(page: Page, served, kept) -> None:
    game_run(served.studio.root / "othello", probes=True)
    own = Studio(served.studio.root)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{served.address}/othello")
    page.get_by_role("button", name=re.compile("^d2|^c2")).first.click()
    expect(page).to_have_url(re.compile(r"moves=\d+-\d+"))  # it has answered
    moves = [int(move) for move in re.search(r"moves=([\d-]+)", page.url)[1].split("-")]
    after = position(own, "othello", moves[:1])
    chances = after["chances"].masked_fill(~after["legal"], -1)
    assert moves[1] == int(chances.argmax())

    made = "-".join(map(str, MOVES))
    square = int((position(own, "othello", MOVES)["board"] == 2).nonzero()[0])
    page.goto(f"{served.address}/othello?me=both&moves={made}&square={square}")
    here = position(own, "othello", MOVES)
    expect(page.locator("[data-value=illegal]")).to_have_text(f"{100 * here['illegal']:.1f} %")
    right = (here["says"].argmax(-1) == here["board"]).sum(-1).tolist()
    for layer, number in enumerate(right):
        expect(page.locator(f"[data-right='{layer}']")).to_have_text(f"{number} of 36 right")

    expected = edit(own, "othello", MOVES, square, 1, how="set", first=0, last=1, strength=3.0)
    legal = expected["right"]
    for i in range(3):
        share = 100 * float(expected["chances"][i, :36][legal].sum())
        text = page.locator(f"[data-legal='{i}']")
        expect(text).to_be_visible()
        assert float(text.inner_text().removesuffix(" %")) == pytest.approx(share, abs=0.051)

    alone = kept(page)  # one file holds the game and the edit, without the studio
    for i in range(3):
        expect(alone.locator(f"[data-legal='{i}']")).to_have_text(page.locator(f"[data-legal='{i}']").inner_text())
    expect(alone.get_by_role("button", name="New game")).to_have_count(0)
    alone.get_by_role("slider").first.fill("3")
    earlier = position(own, "othello", MOVES[:3])
    expect(alone.locator("[data-value=illegal]")).to_have_text(f"{100 * earlier['illegal']:.1f} %")
    right = (earlier["says"].argmax(-1) == earlier["board"]).sum(-1).tolist()
    for layer, number in enumerate(right):
        expect(alone.locator(f"[data-right='{layer}']")).to_have_text(f"{number} of 36 right")
