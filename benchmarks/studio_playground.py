"""How fast the playground is: its real page, driven in Chromium, with the network of TensorFlow's (2-4-2-1).

    python benchmarks/studio_playground.py [--seconds 5] [--rounds 3]

    play     repaints a second while it plays, at 25 steps (an epoch) a repaint and at one, and steps a second; of the
             rounds, the best: what else the machine does only takes away
    edit     from a slider's movement until the output is painted with it: in the page, without Python
    hover    from the pointer's movement over the plane until what the network says there is on the page
    answer   bytes of an answer while it plays, and the milliseconds of this machine's core that Python takes for it

TensorFlow's playground itself makes one epoch a frame, as fast as its page draws. Needs a built front end (`make web`)
and Chromium.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from glassworks.studio.questions import playground
from glassworks.studio.studio import Studio
from glassworks.studio.wire import pack

PAINTS = """() => {
  const canvas = document.querySelector('.plane canvas');
  const context = canvas.getContext('2d');
  const put = context.putImageData.bind(context);
  window.paints = [];
  context.putImageData = (...given) => { put(...given); window.paints.push(performance.now()); };
}"""
"""Keeps when the output was painted."""
EDIT = """async (rounds) => {
  const slider = document.querySelector('section[aria-label^="Weights"] input[type=range]');
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const before = window.paints.length;
    const begin = performance.now();
    slider.value = i % 2 ? 0.5 : -0.5;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (window.paints.length === before) await new Promise((done) => setTimeout(done));
    times.push(window.paints.at(-1) - begin);
  }
  return times;
}"""
HOVER = """async (rounds) => {
  const plane = document.querySelector('.plane');
  const said = document.querySelector('[data-testid=readout]');
  const { left, top } = plane.getBoundingClientRect();
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const before = said.textContent;
    const begin = performance.now();
    const at = { bubbles: true, clientX: left + 20 + 2 * i, clientY: top + 4 };
    plane.dispatchEvent(new PointerEvent('pointermove', at));
    while (said.textContent === before) await new Promise((done) => setTimeout(done));
    times.push(performance.now() - begin);
  }
  return times;
}"""


def played(page: Page, seconds: float) -> tuple[float, float]:
    """Repaints and steps a second while it plays."""
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(500)
    steps = "Number(document.querySelector('[data-testid=step]').dataset.step)"
    first, painted, begin = page.evaluate(steps), page.evaluate("paints.length"), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    spent = time.perf_counter() - begin
    found = (page.evaluate("paints.length") - painted) / spent, (page.evaluate(steps) - first) / spent
    page.get_by_role("button", name="Pause").click()
    return found


def answers() -> tuple[int, float]:
    """Bytes of an answer of 25 steps, and its milliseconds of a core."""
    studio = Studio(Path())
    key = playground.look(studio, "tab", {}, 25)["key"]
    sizes, times = [], []
    for i in range(2, 42):
        begin = time.thread_time()
        sizes.append(len(pack(playground.look(studio, "tab", {}, 25 * i, have=key))))
        times.append(1000 * (time.thread_time() - begin))
    return sizes[-1], statistics.median(times)


def main() -> None:
    """Start a studio over nothing, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    size, cost = answers()
    print(f"answer of 25 steps: {size:,} bytes, {cost:.1f} ms of a core")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--port", "0", "--runs", folder]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        address = child.stdout.readline().removeprefix("Studio: ").strip()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                page.goto(address)
                page.goto(f"{address.split('/?')[0]}/playground")
                page.get_by_test_id("step").wait_for(timeout=60_000)
                page.evaluate(PAINTS)
                for speed in ("25", "1"):
                    page.get_by_label("Steps a repaint").select_option(speed)
                    repaints, steps = max(played(page, asked.seconds) for _ in range(asked.rounds))
                    print(f"play, {speed} a repaint: {repaints:.0f} repaints a second, {steps:,.0f} steps a second")
                page.get_by_role("button", name="neuron 1.1: its weights").click()
                for name, script in (("edit", EDIT), ("hover", HOVER)):
                    times = page.evaluate(script, 100)
                    slow = statistics.quantiles(times, n=20)[-1]
                    print(f"{name}: {statistics.median(times):.1f} ms, 19 of 20 within {slow:.1f} ms")
                browser.close()
        finally:
            child.terminate()
            child.wait(30)


if __name__ == "__main__":
    main()
