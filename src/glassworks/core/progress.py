"""What long work tells as it goes on: a bar on a terminal, plain lines elsewhere, and nothing where it is not wanted.

`progress` shows itself unless a command was asked to be quiet; `tracked`, which the library's own long work goes
through, only where a command shows it: from Python nothing is printed that was not asked for.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Report = Callable[..., None]
"""report(done, loss=1.5, ...): how far the work is, with a few numbers that are shown as they are named.

`total`, if it is given, is how much work there is from now on; `left`, how many seconds it will take, where that is
known better than from how fast it went lately.
"""

SHOWN: ContextVar[bool | None] = ContextVar("shown", default=None)
"""Whether a command shows what goes on (True), was asked to be quiet (False), or there is no command (None)."""

VIEW: ContextVar["Progress | None"] = ContextVar("view", default=None)
"""The terminal's bars, while there are some."""

BETWEEN: ContextVar[Callable[[], None] | None] = ContextVar("between", default=None)
"""What is done at each report of long work, in the place of telling it: in the studio, others go first."""

EVERY = 10.0
"""Seconds between two lines, where there is no terminal."""

SPOKE = [0.0]
"""When the last line was written."""

AT_WORK: list[threading.Event] = []
"""What is being told in lines, the outermost first; an event is its end."""

RECENT = 30.0
"""Seconds of the past that the time left is reckoned from."""


def silent(done: int, *, total: int | None = None, left: float | None = None, **numbers: float) -> None:
    """Say nothing."""


@contextmanager
def showing(visible: bool) -> Iterator[None]:
    """In the block long work is shown, or nothing is said at all."""
    token = SHOWN.set(visible)
    try:
        yield
    finally:
        SHOWN.reset(token)


def be_quiet() -> None:
    """Say nothing more until the end of the block that shows."""
    SHOWN.set(False)


def say(line: str) -> None:
    """One line to the user on stderr, above the bars if there are some; nothing if it is to be quiet."""
    view = VIEW.get()
    if SHOWN.get() is False:
        return
    if view is not None:
        view.console.print(line, markup=False, highlight=False, soft_wrap=True)
    else:
        write(line)


def write(line: str, now: float | None = None) -> None:
    """A line on stderr, and when it was."""
    SPOKE[0] = time.monotonic() if now is None else now
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def tell(line: str) -> None:
    """The same for the library's own work: only where a command shows it."""
    if SHOWN.get():
        say(line)


def seconds(value: float) -> str:
    """1.5 -> '1.5 s', 75 -> '1:15', 7300 -> '2:01:40'."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, name: str) -> str:
    """'1 layer', '4 layers', '12,000 tokens'."""
    return f"{number:,} {name}{'s' * (number != 1)}"


def phrase(numbers: Mapping[str, float]) -> str:
    """{'loss': 1.234567, 'tokens_per_s': 20123.4} -> 'loss 1.235  tokens/s 20,123'."""
    texts = {name: f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for name, value in numbers.items()}
    return "  ".join(f"{name.replace('_per_', '/')} {text}" for name, text in texts.items())


@contextmanager
def progress(label: str, total: int, *, start: int = 0, every: float = EVERY) -> Iterator[Report]:
    """Yield a function to report progress with. Off a terminal it prints a line every `every` seconds."""
    if SHOWN.get() is False:
        yield silent
    elif sys.stderr.isatty():
        yield from bar(label, total, start)
    else:
        yield from lines(label, total, every, start)


@contextmanager
def tracked(label: str | None, total: int) -> Iterator[Report]:
    """The same for the library's own work: only where a command shows it, and off a terminal only if it takes long.

    Without a label it is part of something that is told already.
    """
    if (between := BETWEEN.get()) is not None:
        yield lambda *_, **__: between()
    elif not SHOWN.get() or label is None:
        yield silent
    elif sys.stderr.isatty():
        yield from bar(label, total, 0, brief=True)
    else:
        yield from lines(label, total, EVERY, brief=True)


@contextmanager
def going_on(label: str) -> Iterator[None]:
    """Tell of the library's own work that cannot say how far it is, only that it goes on."""
    if not SHOWN.get():
        yield
    elif sys.stderr.isatty():
        yield from (None for _ in bar(label, None, 0, brief=True))
    else:
        yield from (None for _ in lines(label, None, EVERY, brief=True))


def bar(label: str, total: int | None, start: int, *, brief: bool = False) -> Iterator[Report]:
    """The terminal's version, drawn by rich; one within another is a bar below it; a brief one goes when it is done."""
    outer = VIEW.get()
    view = outer or bars(brief)
    task = view.add_task(label, total=total, completed=start, count="", numbers="", left="")
    recent: deque[tuple[float, int]] = deque()
    whole = total or 0

    def report(done: int, *, total: int | None = None, left: float | None = None, **numbers: float) -> None:
        nonlocal whole
        whole = whole if total is None else total
        reckoned = time_left(recent, time.monotonic(), done, whole)
        view.update(
            task,
            completed=done,
            total=whole,
            count=f"{done:,}/{whole:,}",
            numbers=phrase(numbers),
            left=in_words(reckoned if left is None else left),
        )

    if outer is not None:
        try:
            yield report
        finally:
            view.remove_task(task)
        return
    token = VIEW.set(view)
    try:
        with view:
            yield report
    finally:
        VIEW.reset(token)


def bars(brief: bool) -> "Progress":
    """Rich's view of some bars on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(min_width=8, ratio=1)),
        *(TextColumn(f"{{task.fields[{name}]}}", table_column=Column(no_wrap=True)) for name in COLUMNS),
    )
    return Progress(*columns, console=Console(stderr=True), transient=brief, refresh_per_second=5, expand=True)


COLUMNS = ("count", "numbers", "left")
"""What stands behind a bar."""


def lines(label: str, total: int | None, every: float, start: int = 0, *, brief: bool = False) -> Iterator[Report]:
    """The version for logs; a brief one says nothing of what is done before its first line would be due.

    After every silence of so long it says that it goes on, unless something within it is told.
    """
    began = last = time.monotonic()
    recent: deque[tuple[float, int]] = deque()
    reported: tuple[int, int | None] = (-1, total)
    name = label if total is None else f"{label} {start:,}/{total:,}"

    def report(done: int, *, total: int = total or 0, left: float | None = None, **numbers: float) -> None:
        nonlocal last, reported, name
        now = time.monotonic()
        reckoned = time_left(recent, now, done, total)
        name = f"{label} {done:,}/{total:,}"
        if (done, total) == reported or ((done < total or (brief and last == began)) and now - last < every):
            return
        last, reported = now, (done, total)
        rest = f"took {seconds(now - began)}" if done >= total else in_words(reckoned if left is None else left)
        write("  ".join(filter(None, [name, phrase(numbers), rest])), now)

    def go_on() -> None:
        pause = every
        while not ended.wait(pause):
            now = time.monotonic()
            if now - max(SPOKE[0], began) >= every and AT_WORK[-1:] == [ended]:
                write(f"{name}  {seconds(now - began)} so far", now)
            pause = max(SPOKE[0] + every - now, every / 10)

    ended = threading.Event()
    AT_WORK.append(ended)
    if every:
        threading.Thread(target=go_on, name="glassworks-progress", daemon=True).start()
    try:
        yield report
    finally:
        ended.set()
        AT_WORK.remove(ended)


def in_words(left: float | None) -> str:
    """The time left; nothing where it is not known."""
    return "" if left is None else f"{seconds(left)} left"


def time_left(recent: deque[tuple[float, int]], now: float, done: int, total: int) -> float | None:
    """Seconds until `total`, from how fast it went lately; None at the first report.

    Not from the very beginning, for what came before the first report may be a compiler's work, and the machine may be
    busier or freer by now.
    """
    if not recent or now - recent[-1][0] >= 1:
        recent.append((now, done))
    while len(recent) > 2 and now - recent[1][0] > RECENT:
        recent.popleft()
    then, done_then = recent[0]
    return (now - then) / (done - done_then) * (total - done) if done > done_then else None
