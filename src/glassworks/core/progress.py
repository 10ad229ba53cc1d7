"""A progress bar with loss, speed and time left on a terminal; plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[..., None]
"""report(done, loss=1.5, ...): how far the work is, with a few numbers that are shown as they are named."""


def silent(done: int, **numbers: float) -> None:
    """Say nothing."""


def seconds(value: float) -> str:
    """1.5 -> '1.5 s', 75 -> '1:15', 7300 -> '2:01:40'."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def phrase(numbers: dict[str, float]) -> str:
    """{'loss': 1.234567, 'tokens_per_s': 20123.4} -> 'loss 1.235  tokens/s 20,123'."""
    texts = {name: f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for name, value in numbers.items()}
    return "  ".join(f"{name.replace('_per_', '/')} {text}" for name, text in texts.items())


@contextmanager
def progress(label: str, total: int, *, start: int = 0, every: float = 10.0) -> Iterator[Report]:
    """Yield a function to report progress with. Off a terminal it prints a line every `every` seconds."""
    if sys.stderr.isatty():
        yield from bar(label, total, start)
    else:
        yield from lines(label, total, every)


def bar(label: str, total: int, start: int) -> Iterator[Report]:
    """The terminal's version, drawn by rich."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), refresh_per_second=5) as view:
        task = view.add_task(label, total=total, completed=start, numbers="")

        def report(done: int, **numbers: float) -> None:
            view.update(task, completed=done, numbers=phrase(numbers))

        yield report


def lines(label: str, total: int, every: float) -> Iterator[Report]:
    """The version for logs.

    The time left is reckoned from the first report on: what came before may be a compiler's work.
    """
    last = time.monotonic()
    first: tuple[float, int] | None = None

    def report(done: int, **numbers: float) -> None:
        nonlocal last, first
        now = time.monotonic()
        began, done_then = first = first or (now, done)
        if done < total and now - last < every:
            return
        last = now
        words = [f"{label} {done}/{total}", phrase(numbers)]
        if done > done_then or done == total:
            words.append(f"{seconds((now - began) / max(done - done_then, 1) * (total - done))} left")
        sys.stderr.write("  ".join(words) + "\n")
        sys.stderr.flush()

    yield report
