"""What looking into any network ends with: methods run, traces kept, the page written."""

from collections.abc import Callable, Sequence
from pathlib import Path

from glassworks.core.files import refuse_unwritable
from glassworks.core.progress import say
from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.interpret.catalogue.row_subject import RowSubject
from glassworks.interpret.catalogue.run import Outcome, run_methods
from glassworks.interpret.catalogue.subject import Subject
from glassworks.report.look import Look, write_look


def draw(
    subject: Subject | ImageSubject | RowSubject,
    names: list[str],
    out: Path | None,
    look_of: Callable[[Sequence[Outcome]], Look],
) -> Path:
    """Run the methods and write the page, and the traces into a run's folder; the page's path."""
    from glassworks.cli.main import is_users

    page = out or (subject.folder or Path()) / "look.html"
    refuse_unwritable(page)
    if out is None and page.exists():
        say(f"{page} is there already and will be replaced: --out writes another page")
    traces = subject.folder / "traces" if subject.folder else None
    if traces is not None and out is not None:
        try:
            refuse_unwritable(traces / f"{names[0]}.npz")
        except OSError as error:
            say(f"the traces are not kept in the run: {error.strerror}")
            traces = None
    outcomes = run_methods(subject, names, traces=traces, mendable=is_users, tell=say)
    return write_look(look_of(outcomes), page)
