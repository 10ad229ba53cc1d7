"""How fast the page of choices is with 100,000 choices in its store: from a key to the next comparison on the screen.

    python benchmarks/studio_choices.py [--choices 100000] [--rounds 60] [--store URL]

    stored      seconds to add so many comparisons and choices, and MB of the file
    opened      seconds until the page has something to choose, the store being read for the first time
    answered    milliseconds from the key until the next comparison is laid out, and drawn, the choice being on the disk
    control     the same choice stored by itself, which is the disk's part; and a file of the studio's there and back
    figures     milliseconds for all figures of the store: agreement, bias, consistency, times
    beside      the same while another page has figures computed without end
    memory      MiB of the server, before the store is opened and with it

The store is SQLite's file, or a PostgreSQL server's by --store. Needs a built front end (`make web`) and Chromium.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from glassworks.core.runs import Run
from glassworks.data.choices.comparison import Choice, Comparison, Option
from glassworks.data.choices.runs import begin, store_of
from studio import Bench, Row

PRESS = """([key]) => new Promise((done) => {
  const now = () => document.querySelector('[data-comparison]')?.dataset.comparison;
  const before = now(), begin = performance.now();
  const seen = new MutationObserver(() => {
    if (now() === undefined || now() === before || !document.querySelector('[data-state=stored]')) return;
    seen.disconnect();
    document.body.getBoundingClientRect();
    const laid = performance.now() - begin;
    requestAnimationFrame(() => setTimeout(() => done([laid, performance.now() - begin])));
  });
  seen.observe(document.body, { subtree: true, childList: true, attributes: true });
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
})"""
"""Presses a key; milliseconds until another comparison is laid out, the choice being stored, and until it is drawn."""
BARE = """async ([times]) => {
  const found = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    await (await fetch('/theme.css', { cache: 'no-store' })).arrayBuffer();
    found.push(performance.now() - begin);
  }
  return found;
}"""
FIGURES = """async ([times]) => {
  const found = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    const answer = await fetch('/api/ask/choices.figures', { method: 'POST', body: '{"run": "choices"}' });
    await answer.arrayBuffer();
    found.push(performance.now() - begin);
  }
  return found;
}"""


def filled(folder: Path, count: int, store: str | None) -> Iterator[Row]:
    """A run with so many comparisons that were chosen, and a tenth as many that were not."""
    chance = random.Random(0)
    words = [line.strip() for line in Path(random.__file__).read_text("utf-8").splitlines() if line.strip()]
    begun = time.perf_counter()
    run = begin(folder / "choices", command=[], store=store, settings={"overlap": 0.05})
    kept = store_of(run)
    made = (
        Comparison.of(
            f"{i}: {chance.choice(words)}",
            [Option({"text": " ".join(chance.choices(words, k=3))}, name) for name in "xy"],
        )[0]
        for i in range(count + count // 10)
    )
    numbers = kept.add(made)
    for first in range(0, count, 1000):
        kept.append([chosen(number, chance) for number in numbers[first : min(count, first + 1000)]])
    yield "comparisons and choices added", time.perf_counter() - begun, "s"
    if store is None:
        yield "the file", (folder / "choices" / "choices.sqlite").stat().st_size / 1e6, "MB"


def chosen(comparison: int, chance: random.Random) -> Choice:
    """A choice at random, of one of five annotators."""
    shown = (0, 1) if chance.random() < 0.5 else (1, 0)
    said = {"verdict": "tie"} if chance.random() < 0.1 else {"verdict": "ranked", "ranking": ((chance.randrange(2),),)}
    who = f"annotator {chance.randrange(5)}"
    return Choice(
        uuid.UUID(int=chance.getrandbits(128)).hex, comparison, who, shown=shown, seconds=3.0, why="random", **said
    )  # type: ignore[arg-type]


def resident(process: int) -> float:
    """MiB of a process that are in memory."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def pressed(page: Page, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of so many choices until the next is laid out, and until it is drawn."""
    both = [page.evaluate(PRESS, [random.Random(i).choice("12")]) for i in range(rounds)]
    return [laid for laid, _ in both], [drawn for _, drawn in both]


def alone(folder: Path, rounds: int) -> list[float]:
    """Milliseconds of so many choices that are stored without a page."""
    kept, chance, found = store_of(Run(folder / "choices")), random.Random(1), []
    for i in range(rounds):
        choice = chosen(1 + i, chance)
        begun = time.perf_counter()
        kept.append([choice])
        found.append(1000 * (time.perf_counter() - begun))
    return found


def both(name: str, times: list[float]) -> list[Row]:
    """The median and what 19 of 20 are within."""
    ends = statistics.quantiles(times, n=20)[-1]
    return [(f"{name}: median", statistics.median(times), "ms"), (f"{name}: 19 of 20 within", ends, "ms")]


def measured(bench: Bench, folder: Path) -> Iterator[Row]:
    """What the page takes."""
    with bench.studio(folder) as (address, child), bench.page(address) as (page, base):
        page.wait_for_timeout(8000)  # torch is loaded
        yield "the server before", resident(child.pid), "MiB"
        begun = time.perf_counter()
        page.goto(f"{base}/choose?run=choices&annotator=me")
        page.wait_for_selector("[data-comparison]")
        yield "something to choose on the page", time.perf_counter() - begun, "s"
        yield "the server with the store", resident(child.pid), "MiB"
        pressed(page, 5)
        laid, drawn = pressed(page, bench.rounds)
        yield from both("a choice, laid out", laid)
        yield from both("a choice, drawn", drawn)
        yield from both("control: stored by itself", alone(folder, bench.rounds))
        yield from both("control: a file there and back", page.evaluate(BARE, [bench.rounds]))
        yield from both("all figures", page.evaluate(FIGURES, [10]))
        other = page.context.new_page()
        other.goto(f"{base}/choose?run=choices&annotator=other")
        other.wait_for_selector("[data-comparison]")
        other.evaluate(f"void ({FIGURES})([100000])")
        page.bring_to_front()
        yield from both("a choice beside figures, laid out", pressed(page, bench.rounds)[0])


def main() -> None:
    """Fill a store, open it, choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--store")
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        folder = Path(name)
        for rows in (
            filled(folder, asked.choices, asked.store),
            measured(Bench(folder, browser, asked.rounds, 0), folder),
        ):
            for what, figure, unit in rows:
                print(f"  {what:<46} {figure:>9.3g} {unit}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
