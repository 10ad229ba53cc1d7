"""How heavy the CNN page is, and how long a hand waits on it: bytes, time to the first number, time of a hover.

    python benchmarks/studio_cnn.py runs/NAME [--layer block1.conv2] [--hovers 200] [--pairs 3]

It drives the real page in Chromium, over a studio of its own. A hover is from the pointer's event to the page laid out
anew, with every number and picture that changes; `painted` is when the browser has drawn it, and waits for the screen.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Response, sync_playwright

OVER = """async ([selector, count]) => {
  const places = [...document.querySelectorAll(selector)], worked = [], painted = [];
  for (let i = 0; i < count; i++) {
    const place = places[i % places.length], box = place.getBoundingClientRect();
    const [x, y] = [2 + (i * 7) % (box.width - 4), 2 + (i * 13) % (box.height - 4)];
    const at = { clientX: box.left + x, clientY: box.top + y };
    await new Promise(requestAnimationFrame);
    const begin = performance.now();
    place.dispatchEvent(new PointerEvent('pointermove', { ...at, bubbles: true }));
    await new Promise(queueMicrotask);
    document.body.getBoundingClientRect();
    worked.push(performance.now() - begin);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    painted.push(performance.now() - begin);
  }
  return [worked, painted];
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--layer", default="block1.conv2")
    parser.add_argument("--hovers", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    args = parser.parse_args()
    root = str(args.run.parent)
    command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--runs", root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
        try:
            assert studio.stdout is not None
            visit(studio.stdout.readline().split()[-1], args)
        finally:
            studio.terminate()


def visit(address: str, args: argparse.Namespace) -> None:
    """Open the page as often as was asked for, each time in a new browser's window."""
    where, token = address.split("/?")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        for _ in range(args.pairs):
            page = browser.new_context(viewport={"width": 1280, "height": 1600}).new_page()
            page.goto(f"{where}/?{token}")
            measure(page, f"{where}/cnn?run={args.run.name}&layer={args.layer}&unit=1", args.hovers)
        browser.close()


def measure(page: Page, address: str, hovers: int) -> None:
    """One visit."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    begin = time.perf_counter()
    page.goto(address)
    page.locator("[data-value]").first.wait_for()
    seconds = time.perf_counter() - begin
    page.wait_for_timeout(1000)  # what is asked behind it
    sizes = [(answer.url, int(answer.headers.get("content-length", 0))) for answer in answers]
    own = sum(size for url, size in sizes if "/api/" not in url) / 1000
    data = sum(size for url, size in sizes if "/api/" in url) / 1000
    print(f"page {own:.0f} kB and numbers {data:.0f} kB, compressed; first number after {seconds:.2f} s")
    for name, selector in (("a cell", ".sum .matrix canvas"), ("a channel", "canvas[data-layer]")):
        for what, times in zip(("worked out", "painted"), page.evaluate(OVER, [selector, hovers]), strict=True):
            middle, late = np.percentile(times, [50, 95])
            print(f"  hover over {name}, {what}: {middle:.1f} ms, 95 % within {late:.1f} ms")


if __name__ == "__main__":
    main()
