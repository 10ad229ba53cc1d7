"""The pictures of the studio in the README, taken of its pages: docs/studio-*.png.

    python docs/pictures.py [--runs runs] [--text demo] [--images digits]

The folder has a run of text and one of images, such as `glassworks demo` and `glassworks train digits` make. Needs
Chromium.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
TEXT = "import numpy as np\n\n\ndef mean(values):\n    return"


def main() -> None:
    """Start a studio, and take its pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--text", default="demo", help="the run of text")
    parser.add_argument("--images", default="digits", help="the run of images")
    a = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("there is no Chromium on this machine: `apt-get install chromium` brings one")
    command = [sys.executable, "-m", "glassworks", "studio", "--runs", str(a.runs), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio, sync_playwright() as playwright:
        assert studio.stdout is not None
        begin = re.search(r"http\S+", studio.stdout.readline())
        assert begin is not None
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.goto(begin.group())
        home = begin.group().split("/?")[0]
        take(
            page, f"{home}/transformer", {"run": a.text, "text": TEXT, "block": 2, "head": 1}, "studio-transformer.png"
        )
        take(page, f"{home}/cnn", {"run": a.images}, "studio-cnn.png")
        chromium.close()
        studio.terminate()


def take(page: Page, address: str, query: dict[str, str | int], name: str) -> None:
    """One page as it stands once it is drawn."""
    page.goto(address)
    page.evaluate(
        "query => { const to = new URLSearchParams(query); location.search = to; }",
        {key: str(value) for key, value in query.items()},
    )
    page.locator("canvas").first.wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / name)
    print(HERE / name)


if __name__ == "__main__":
    main()
