"""The offline report: everything known about a run on one page, `report.html`, that asks nothing of the network."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from glassworks.core.errors import FileDamaged
from glassworks.core.files import write_text
from glassworks.core.runs import Run, check_run
from glassworks.draw.markup import Markup, tag
from glassworks.draw.page import document
from glassworks.report import sections, tuned
from glassworks.report.agents import page as agents
from glassworks.report.contents import Contents, read_contents
from glassworks.report.labelled import classes, inside, score
from glassworks.report.translation import page as translation

Section = tuple[str, str, Callable[[Contents], Markup]]
"""Its name in addresses, its title, and what draws it."""

TEXT: tuple[Section, ...] = (
    ("learning", "How it learned", sections.learning),
    ("comparison", "Against the baselines", sections.comparison),
    ("writing", "What it writes", sections.writing),
    ("reading", "What surprises it", sections.reading),
    ("inside", "Inside, on one sentence", sections.inside),
    ("health", "Is it well?", sections.wellbeing),
    ("speed", "How fast", sections.speed),
    ("again", "How to repeat it", sections.again),
)
LEARNED: tuple[Section, ...] = (
    ("learning", "How it learned", score.learning),
    ("comparison", "Against its rivals", score.comparison),
)
CLASSES: tuple[Section, ...] = (
    ("classes", "Class by class", classes.classes),
    ("calibration", "How far its probabilities can be believed", classes.calibration),
)
MISTAKES: Section = ("mistakes", "Its mistakes", classes.mistakes)
PAIRS: tuple[Section, ...] = (
    ("learning", "How it learned", translation.learning),
    ("comparison", "Against its rivals", translation.comparison),
    ("writing", "What it writes", translation.writing),
    ("mistakes", "Its mistakes", translation.mistakes),
    ("inside", "Where it looks", translation.inside),
    ("again", "How to repeat it", sections.again),
)
TUNED: tuple[Section, ...] = (
    ("learning", "How it learned", tuned.learning),
    ("comparison", "What it gained, and what it forgot", tuned.comparison),
    ("writing", "What it says", sections.writing),
    ("reading", "What surprises it", sections.reading),
    ("inside", "Inside, on one sentence", sections.inside),
    ("again", "How to repeat it", sections.again),
)
REWARD: tuple[Section, ...] = (TUNED[0], ("comparison", "How often it is right", tuned.comparison), TUNED[-1])
POLICY: tuple[Section, ...] = (
    ("learning", "How it learned", agents.learning),
    ("comparison", "Against chance and a rule", agents.comparison),
    ("episode", "An episode", agents.episode),
    ("inside", "What it thinks meanwhile", agents.inside),
    ("again", "How to repeat it", sections.again),
)
ALONE = {"pairs": PAIRS, "tuned": TUNED, "reward": REWARD, "policy": POLICY}
"""Of kinds whose pages are all alike."""
AGAIN: Section = ("again", "How to repeat it", sections.again)


def sections_of(contents: Contents) -> tuple[Section, ...]:
    """What stands on a run's page, by its kind, and whether it tells classes apart."""
    kind, task = contents.record.get("kind", "text"), contents.task
    if kind in ALONE:
        return ALONE[kind]
    if kind not in ("images", "table"):
        return TEXT
    pictures = kind == "images"
    says: tuple[Section, ...] = (("predictions", "What it says", classes.predictions),) if pictures else ()
    sees: tuple[Section, ...] = (("inside", "What it sees", inside.inside),) if pictures else ()
    return (*LEARNED, *(CLASSES if task == "classes" else ()), *says, MISTAKES, *sees, AGAIN)


def write_report(run: Run) -> Path:
    """Write the run's `report.html`, atomically, and return its path.

    Shown is what the folder holds: metrics.jsonl, samples.jsonl, run.json, and the evaluation and the traces of its
    kind. Of what is absent the page says which command makes it; of what is damaged, which file. The same folder gives
    the same page, byte for byte.
    """
    check_run(run)
    with suppress(FileDamaged, FileNotFoundError):  # of which the page will say so
        check_run(run, "report")
    path = run.path / "report.html"
    write_text(path, page(read_contents(run)))
    return path


def page(contents: Contents) -> str:
    """The page's HTML."""
    shown = sections_of(contents)
    links = [tag("a", title, href=f"#{name}") for name, title, _ in shown]
    body = [tag("section", tag("h2", title), draw(contents), id=name) for name, title, draw in shown]
    verdict, figures = {
        TEXT: (sections.verdict, sections.key_figures),
        REWARD: (tuned.verdict, tuned.key_figures),
        TUNED: (tuned.verdict, tuned.key_figures),
        POLICY: (agents.verdict, agents.key_figures),
        PAIRS: (translation.verdict, translation.key_figures),
    }.get(shown, (score.verdict, score.key_figures))
    return document(
        contents.name, sections.header(contents, verdict(contents), figures(contents)), tag("nav", *links), *body
    )
