"""How fast Draw a digit is: its real page, driven in Chromium, over LeNet-5 (9,118 units).

    python benchmarks/studio_digits.py [--strokes 120] [--space]

    stroke   from a movement of the pen until all units and guesses are painted anew, a round trip to torch included
    hover    from a movement of the pointer until a unit's edges are painted: of units not asked for before (a round
             trip), and of the same ones again (weights of sums stay in the page)

Each movement waits for the one before. Times are of the page's own clock, from the event to the frame after what it
changed. Harley (2015) gives 36 ms a stroke for 9,134 units, in the browser alone. --space measures the view in space:
without a GPU that is the browser's software renderer, and says nothing of one with it. Needs a built front end
(`make web`) and Chromium.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start, train
from glassworks.models.vision.config import VisionConfig

WATCH = """([event, attribute]) => {
  const view = document.querySelector('.view');
  let began = 0;
  window.times = [];
  addEventListener(event, () => (began = performance.now()), { capture: true });
  new MutationObserver(() => {
    const since = began;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => times.push(performance.now() - since);
      port2.postMessage(0);
    });
  }).observe(view, { attributes: true, attributeFilter: [attribute] });
}"""
"""Keeps the milliseconds from each event to the frame that paints what it changed."""
AWAIT = """(count) => new Promise((done) => {
  const begin = performance.now();
  const look = () => (times.length > count || performance.now() - begin > 400 ? done() : setTimeout(look, 1));
  look();
})"""


def moved(page: Page, places: list[tuple[float, float]]) -> list[float]:
    """The times of movements to some places, each once the one before is painted."""
    for x, y in places:
        before = page.evaluate("times.length")
        page.mouse.move(x, y)
        page.evaluate(AWAIT, before)
    found: list[float] = page.evaluate("times")
    return found


def strokes(page: Page, count: int) -> list[float]:
    """A zigzag over the pad."""
    page.get_by_role("button", name="Clear").click()
    box = page.locator("canvas.large").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.mouse.down()
    page.evaluate(WATCH, ["pointermove", "data-pass"])
    places = [(box["x"] + 30 + 130 * (i % 12) / 12, box["y"] + 40 + 120 * i / count) for i in range(1, count + 1)]
    found = moved(page, places)
    page.mouse.up()
    return found


def hovers(page: Page, count: int) -> tuple[list[float], list[float]]:
    """Over units of the second convolution, and over the same ones again."""
    box = page.locator(".view").bounding_box()
    assert box is not None
    page.evaluate(WATCH, ["pointermove", "data-unit"])
    places = [
        (box["x"] + box["width"] * (0.3 + 0.4 * (i % 40) / 40), box["y"] + box["height"] * (0.38 + 0.02 * (i // 40)))
        for i in range(count)
    ]
    first = moved(page, places)
    page.evaluate("times.length = 0")
    return first, moved(page, places[::-1])[1:]


def said(name: str, times: list[float]) -> None:
    """Median, 95th percentile, and the least: what is left of it where other work takes the machine's cores."""
    if len(times) < 2:
        print(f"  {name:<40} nothing was painted")
        return
    middle, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"  {name:<40} {middle:>7.1f} ms   95 %: {late:.1f} ms   least: {min(times):.1f} ms")


def main() -> None:
    """Make a network, start the studio, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=120)
    parser.add_argument("--space", action="store_true")
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        recipe = LabelledRecipe(data="digits", size=28, model=VisionConfig("lenet5"), steps=3, device="cpu")
        train(start(Path(folder) / "lenet5", recipe, ["glassworks", "train"]))
        command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--port", "0", "--runs", folder]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert child.stdout is not None
            address = child.stdout.readline().removeprefix("Studio: ").strip()
            flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.goto(address.split("/?")[0] + "/digits" + ("?view=space" if asked.space else ""))
            page.wait_for_selector("[data-guess='0']")
            page.wait_for_timeout(1500)
            said("stroke to repaint", strokes(page, asked.strokes)[5:])
            if not asked.space:
                page.wait_for_timeout(500)
                first, again = hovers(page, asked.strokes)
                said("hover, with a round trip", first)
                said("hover, weights in the page", again)
            browser.close()
        finally:
            child.terminate()
            child.wait(30)


if __name__ == "__main__":
    main()
