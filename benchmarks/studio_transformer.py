"""How fast the studio's Transformer page is, in Chromium: first paint, a hover, a head silenced, bytes.

    python benchmarks/studio_transformer.py runs/demo

Prints the median and the 95th percentile, in milliseconds. A hover is from the event until the page is laid out anew;
a head silenced is from the press to the frame that shows the changed chances, the pass through the model included.
"""

import argparse
import shutil
import threading
from pathlib import Path

import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from glassworks.studio.app import make_app
from glassworks.studio.serve import listening
from glassworks.studio.studio import Studio

TEXT = "def read(self, size=-1):"
HOVER = """async (count) => {
  const canvas = document.querySelector('.flow canvas'), box = canvas.getBoundingClientRect(), times = [];
  const frame = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < count; i++) {
    await frame();
    const at = { clientX: box.left + 5 + i % 20, clientY: box.top + (i * 7) % box.height, bubbles: true };
    const start = performance.now();
    canvas.dispatchEvent(new PointerEvent('pointermove', at));
    await Promise.resolve();  // what follows from it is drawn
    document.body.getBoundingClientRect();
    times.push(performance.now() - start);
  }
  return times;
}"""
SILENCE = """async (count) => {
  const table = () => document.querySelector('.next table').textContent, times = [];
  for (let i = 0; i < count; i++) {
    const before = table(), start = performance.now();
    document.querySelector('[data-tour=silence]').click();
    while (table() === before) await new Promise(requestAnimationFrame);
    times.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 200));
  }
  return times;
}"""
BYTES = """performance.getEntriesByType('resource').filter(x => x.name.includes('/assets/'))
  .reduce((sum, x) => sum + x.encodedBodySize, 0)"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Measure one run's page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=40)
    arguments = parser.parse_args()
    with listening(0) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(make_app(Studio(arguments.run.parent), "token", port), log_level="warning")
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, args=([listener],), daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"http://127.0.0.1:{port}/?token=token")
            page.goto(f"http://127.0.0.1:{port}/transformer?run={arguments.run.name}&text={TEXT}")
            page.locator(".detail").wait_for(timeout=120_000)
            measure(page, arguments.count)
            browser.close()
        server.should_exit = True


def measure(page: Page, count: int) -> None:
    """Print what is measured on an open page."""
    print(f"compressed             {page.evaluate(BYTES) / 1000:6.0f} kB")
    page.reload()  # which takes its scripts from the browser's memory
    page.locator(".detail").wait_for()
    print(f"first paint            {page.evaluate(PAINT):6.0f} ms")
    for name, script in (("hover", HOVER), ("a head silenced", SILENCE)):
        times = page.evaluate(script, count)
        print(f"{name:22} {np.median(times):6.1f} ms, 95 %: {np.quantile(times, 0.95):.1f}")


if __name__ == "__main__":
    main()
