"""The studio's pages beside those whose ideas they carry: bytes, and seconds until there is a network to touch.

    python benchmarks/studio_peers.py --runs RUNS --images RUN --text RUN [--rounds 3]
        [--cnn-explainer FOLDER] [--transformer-explainer FOLDER] [--elsewhere FOLDER]

The folders are the built sites (github.com/poloclub: the branch gh-pages of the first; `npm run build` of the second),
served here compressed, as theirs are. What they ask of other hosts is taken from --elsewhere, where it lies as
HOST/PATH, at no distance and compressed; what is not there is refused, and named. Transformer Explainer's model of some
hundred megabytes is not waited for: until it is there the page shows what it carries of five sentences.

A page is there once a network's own numbers are drawn on it and can be pointed at: ours of a model that Python has
computed meanwhile, those of a model in the browser. Needs a built front end and Chromium.
"""

import argparse
import gzip
import mimetypes
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from playwright.sync_api import Browser, Route, sync_playwright
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

PORT = 8779


def main() -> None:
    """Measure each page that there is, in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--images", required=True, help="a run of images in the folder of runs")
    parser.add_argument("--text", required=True, help="a run of text")
    parser.add_argument("--cnn-explainer", type=Path)
    parser.add_argument("--transformer-explainer", type=Path)
    parser.add_argument("--elsewhere", type=Path, default=Path("elsewhere"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    asked = parser.parse_args()
    sites = {"cnn-explainer": asked.cnn_explainer, "transformer-explainer": asked.transformer_explainer}
    folders = {name: folder for name, folder in sites.items() if folder is not None}
    with studio(asked.runs) as (base, token), sync_playwright() as playwright:
        served(folders)
        pages = {
            "studio, CNN": (f"{base}/cnn?run={asked.images}", "canvas[data-layer]"),
            "studio, Transformer": (f"{base}/transformer?run={asked.text}", ".detail"),
            "CNN Explainer": (f"http://127.0.0.1:{PORT}/cnn-explainer/", "image.node-image"),
            "Transformer Explainer": (f"http://127.0.0.1:{PORT}/transformer-explainer/", "g.probability rect.bar"),
        }
        absent = {"CNN Explainer": "cnn-explainer", "Transformer Explainer": "transformer-explainer"}
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox"])
        found: dict[str, list[tuple[float, float, set[str]]]] = {}
        for _ in range(asked.rounds):
            for name, (address, there) in pages.items():
                if absent.get(name, "") in ("", *folders):
                    visited = visit(browser, address, there, f"{base}/?{token}", asked.elsewhere)
                    found.setdefault(name, []).append(visited)
        browser.close()
    for name, visits in found.items():
        kilobytes, seconds = (statistics.median(values) for values in ([v[0] for v in visits], [v[1] for v in visits]))
        print(f"{name:<24} {kilobytes:>8,.0f} kB {seconds:>7.2f} s")
        if refused := sorted(set.union(*(visit[2] for visit in visits))):
            print(f"{'':<24} asked in vain: {', '.join(refused)}")


@contextmanager
def studio(runs: Path) -> Iterator[tuple[str, str]]:
    """The studio as its command starts it: its address, and what lets a browser in."""
    command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--port", "0", "--runs", str(runs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            base, token = child.stdout.readline().split()[-1].split("/?")
            yield base, token
        finally:
            child.terminate()


def served(folders: dict[str, Path]) -> None:
    """Serve built sites, each below its name, in a thread that ends with the program."""
    mounts = [Mount(f"/{name}", StaticFiles(directory=folder, html=True)) for name, folder in folders.items()]
    app = Starlette(routes=mounts, middleware=[Middleware(GZipMiddleware)])
    server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)


def visit(browser: Browser, address: str, there: str, enter: str, elsewhere: Path) -> tuple[float, float, set[str]]:
    """A browser that has never been here opens a page: kB until it is there, seconds, and the hosts asked in vain."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, transferred, refused = context.new_page(), [0.0], set[str]()

    def other(route: Route) -> None:
        url = urlsplit(route.request.url)
        file = elsewhere / str(url.hostname) / url.path.lstrip("/")
        if not file.is_file():
            refused.add(str(url.hostname))
            route.abort()
            return
        body, kind = file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        transferred[0] += len(gzip.compress(body, 6)) / 1000
        route.fulfill(body=body, content_type=kind, headers={"access-control-allow-origin": "*"})

    context.route(lambda url: urlsplit(url).hostname != "127.0.0.1", other)
    if address.startswith(enter.split("/?")[0]):
        context.request.get(enter)  # the token, without the page
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on("Network.dataReceived", lambda event: add(transferred, event["encodedDataLength"]))
    begin = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(there).first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - begin
    context.close()
    return transferred[0], seconds, refused


def add(total: list[float], size: int) -> None:
    """Count what came over the wire, in kB."""
    total[0] += size / 1000


if __name__ == "__main__":
    main()
