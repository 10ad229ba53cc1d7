"""How fast the studio is: its real pages, driven in Chromium, over runs that this makes.

    python benchmarks/studio.py [--part ready paint bytes pan watch memory] [--rounds 7] [--minutes 2]

    ready    seconds from the command to its address, and to the first page that is answered
    paint    seconds to the first paint of the runs' page and of a run's, and until the list is there, each page loaded
             anew by a browser that has been here before
    bytes    kB of each page over the wire, compressed, before what is loaded on demand
    pan      frames a second while ten runs of 10,000 points each are dragged and zoomed; a frame draws all in view
    watch    how much a training slows while a page watches it: one training, in turns watched and not, as the ratio of
             steps a second in turns that follow one another; the median of these pairs, and where its middle half lies
    memory   memory of the server and of the page while a training is watched for --minutes (60 in full)

Needs a built front end (`make web`) and Chromium. Further parts are functions of `Bench` in `PARTS`.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from glassworks.core.runs import Run

Row = tuple[str, float, str]
"""What was measured, the figure, its unit."""
TURN = 8.0
"""Seconds of a turn in which a training is watched, or not."""


@dataclass
class Bench:
    """What every part works with."""

    folder: Path
    browser: Browser
    rounds: int
    minutes: float

    @contextmanager
    def studio(self, root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        """The studio as its command starts it, over a folder of runs: the address that lets one in, and the process."""
        command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--port", "0", "--runs", str(root)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        try:
            yield child.stdout.readline().removeprefix("Studio: ").strip(), child
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(30)

    @contextmanager
    def page(self, address: str) -> Iterator[tuple[Page, str]]:
        """A page that was let in, and the address without its token."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.set_default_timeout(300_000)  # of a busy machine
        page.goto(address)
        yield page, address.split("/?")[0]
        context.close()

    def runs(self, name: str, count: int, points: int) -> Path:
        """A folder of runs with so many rows each, of losses as they look."""
        root = self.folder / name
        for i in range(count):
            run = Run.create(root / f"run-{i}", kind="text", recipe={"seed": i}, plan={"steps": points}, command=[])
            with (run.path / "metrics.jsonl").open("w", encoding="utf-8") as file:
                for step in range(1, points + 1):
                    wave = ((step * 7919 + i * 104729) % 1000) / 1000
                    row = {
                        "step": step,
                        "loss": 8 / step**0.3 + wave * 0.3,
                        "seconds": step / 50,
                        "lr": 1e-3,
                        "grad_norm": wave,
                    }
                    file.write(json.dumps(row) + "\n")
        return root


def ready(bench: Bench) -> list[Row]:
    """From the command to the address, and to the first answer."""
    root = bench.runs("ready", 5, 200)
    printed, answered = [], []
    for _ in range(bench.rounds):
        begin = time.perf_counter()
        with bench.studio(root) as (address, _child):
            printed.append(time.perf_counter() - begin)
            answer = subprocess.run(["curl", "-sf", "-c", "/dev/null", "-L", "-o", "/dev/null", address], check=False)
            assert answer.returncode == 0, "the page was not answered: is the front end built?"
            answered.append(time.perf_counter() - begin)
    return [
        ("address printed", statistics.median(printed), "s"),
        ("first page answered", statistics.median(answered), "s"),
    ]


def paint(bench: Bench) -> list[Row]:
    """First paint and first list of pages that the browser has seen before."""
    root, rows = bench.runs("paint", 200, 50), []
    painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    with bench.studio(root) as (address, _child), bench.page(address) as (page, base):
        for name, path, there in (
            ("runs page, 200 runs", "/", "role=row >> nth=200"),
            ("a run's page", "/run?run=run-1", "canvas"),
        ):
            first, whole = [], []
            for _ in range(bench.rounds + 1):
                page.goto("about:blank")
                page.goto(base + path)
                page.wait_for_selector(there)
                whole.append(page.evaluate("performance.now()") / 1000)
                page.wait_for_function(painted)
                first.append(page.evaluate(painted) / 1000)
            rows += [
                (f"{name}: first paint", statistics.median(first[1:]), "s"),
                (f"{name}: drawn", statistics.median(whole[1:]), "s"),
            ]
    return rows


def sizes(bench: Bench) -> list[Row]:
    """What each page takes over the wire."""
    root, rows = bench.runs("bytes", 1, 50), []
    with bench.studio(root) as (address, _child):
        for path in (
            "/",
            "/run?run=run-0",
            "/transformer",
            "/digits",
            "/playground",
            "/othello",
            "/cnn",
            "/translation",
        ):
            with bench.page(address) as (page, base):
                taken: dict[str, float] = {}
                page.close()
                page = bench.browser.contexts[-1].new_page()
                page.goto(base + path, wait_until="networkidle")
                page.wait_for_timeout(500)
                if page.get_by_text("There is no such page").count():
                    continue
                sent = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
                for name, size in page.evaluate(f"{sent}.map(e => [e.name, e.encodedBodySize])"):
                    taken[name] = size
                rows.append((path.split("?")[0], sum(taken.values()) / 1000, "kB"))
    return rows


PAN = """async ([frames, zoom]) => {
  const canvas = document.querySelector('canvas');
  const box = canvas.getBoundingClientRect();
  canvas.setPointerCapture = () => undefined;
  const at = (x) => ({ clientX: box.left + x, clientY: box.top + 60, bubbles: true, cancelable: true });
  const point = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, ...at(x) }));
  const wheel = (by) => canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: by, ctrlKey: true, ...at(500) }));
  const next = () => new Promise(requestAnimationFrame);
  const times = [];
  if (!zoom) point('pointerdown', 600);
  let before = await next();
  for (let i = 0; i < frames; i++) {
    if (zoom) wheel(i % 40 < 20 ? -30 : 30);
    else point('pointermove', 600 - 8 * (i % 120 < 60 ? i % 60 : 60 - (i % 60)));
    const now = await next();
    times.push(now - before);
    before = now;
  }
  point('pointerup', 600);
  return times;
}"""


def pan(bench: Bench) -> list[Row]:
    """Frames a second over ten runs of 10,000 points."""
    root, rows = bench.runs("pan", 10, 10_000), []
    names = ",".join(f"run-{i}" for i in range(10))
    with bench.studio(root) as (address, _child), bench.page(address) as (page, base):
        begin = time.perf_counter()
        page.goto(f"{base}/?runs={names}&from=1000&to=9000")
        page.wait_for_selector("canvas")
        rows.append(("ten curves of 10,000 points drawn", time.perf_counter() - begin, "s"))
        for name, zoom in (("dragged", False), ("zoomed", True)):
            times = page.evaluate(PAN, [240, zoom])
            slow = statistics.quantiles(times, n=20)[-1]
            rows += [
                (f"{name}: frames a second", 1000 / statistics.mean(times), "/s"),
                (f"{name}: 19 of 20 frames within", slow, "ms"),
            ]
    return rows


@contextmanager
def training(root: Path) -> Iterator[Run]:
    """A training of the demo's shape, already past its start, which logs often."""
    data = root / "text.txt"
    data.write_text(
        "\n\n".join(path.read_text("utf-8") for path in sorted(Path(os.__file__).parent.glob("*.py"))[:40]), "utf-8"
    )
    shape = ["--model.n-ctx", "64", "--model.n-layer", "4", "--model.n-head", "4", "--model.n-embd", "128"]
    words = [
        "train",
        "--data",
        str(data),
        "--tokenizer",
        "bytes",
        "--batch-size",
        "16",
        "--steps",
        "1000000",
        "--name",
        str(root / "watched"),
    ]
    child = subprocess.Popen([sys.executable, "-m", "glassworks", *words, *shape, "--eval-every", "100000", "--quiet"])
    run = Run(root / "watched")
    while not (run.path / "metrics.jsonl").exists() or run.last("metrics").get("step", 0) < 50:
        assert child.poll() is None
        time.sleep(0.2)
    try:
        yield run
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def computed(process: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(bench: Bench) -> list[Row]:
    """How much slower steps are while a page watches them."""
    root = bench.folder / "watch"
    root.mkdir()
    shares, spent = [], []
    with training(root) as run, bench.studio(root) as (address, child), bench.page(address) as (page, base):

        def rate(is_watched: bool) -> float:
            page.goto(f"{base}/run?run=watched" if is_watched else "about:blank")
            if is_watched:
                page.wait_for_selector("canvas")
            time.sleep(1)
            before, begin, used = run.last("metrics")["step"], time.perf_counter(), computed(child.pid)
            time.sleep(TURN)
            if is_watched:
                spent.append(100 * (computed(child.pid) - used) / TURN)
            return float(run.last("metrics")["step"] - before) / (time.perf_counter() - begin)

        for i in range(2 * bench.rounds):
            order = (True, False) if i % 2 else (False, True)
            rates = {is_watched: rate(is_watched) for is_watched in order}
            shares.append(100 * (1 - rates[True] / rates[False]))
    low, middle, high = statistics.quantiles(shares, n=4)
    return [
        ("slower while watched, median of pairs", middle, "%"),
        ("a quarter of the pairs below", low, "%"),
        ("a quarter above", high, "%"),
        ("of a core, the server while it is watched", statistics.median(spent), "%"),
    ]


def memory(bench: Bench) -> list[Row]:
    """Memory at the beginning and at the end of watching a training."""
    root = bench.folder / "memory"
    root.mkdir()
    with training(root), bench.studio(root) as (address, child), bench.page(address) as (page, base):
        page.goto(f"{base}/run?run=watched")
        page.wait_for_selector("canvas")
        tools = page.context.new_cdp_session(page)
        rows = []
        for name in ("after a tenth", "at the end"):
            page.wait_for_timeout(60_000 * bench.minutes * (0.1 if name == "after a tenth" else 0.9))
            tools.send("HeapProfiler.collectGarbage")
            heap = tools.send("Runtime.getHeapUsage")["usedSize"] / 2**20
            resident = (
                int(Path(f"/proc/{child.pid}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            )
            rows += [(f"server, {name}", resident, "MiB"), (f"page, {name}", heap, "MiB")]
    return rows


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "ready": ready,
    "paint": paint,
    "bytes": sizes,
    "pan": pan,
    "watch": watch,
    "memory": memory,
}


def main() -> None:
    """Measure the parts asked for, each in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=[name for name in PARTS if name != "memory"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=2)
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in asked.part:
            print(f"\n{name}")
            for what, figure, unit in PARTS[name](Bench(Path(folder), browser, asked.rounds, asked.minutes)):
                print(f"  {what:<46} {figure:>9.3g} {unit}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
