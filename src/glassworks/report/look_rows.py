"""What the page of `look` says of a network that reads rows of a table: its shape, and what it was looked at by."""

from collections.abc import Sequence

from glassworks.draw.markup import Markup
from glassworks.draw.scales import short
from glassworks.interpret.catalogue.row_subject import RowSubject
from glassworks.interpret.catalogue.run import Outcome
from glassworks.report.look import Look


def look_at_rows(subject: RowSubject, outcomes: Sequence[Outcome], opening: str) -> Look:
    """What the page of a subject says. `opening` is Python that makes the subject."""
    return Look(
        name=subject.name,
        facts=[
            ("network", type(subject.model).__name__),
            ("parameters", short(sum(parameter.numel() for parameter in subject.model.parameters()))),
            ("reads", f"{subject.rows.shape[1]} numbers a row"),
            ("says", f"{len(subject.classes)} classes" if subject.classes else "a number"),
        ],
        read=Markup(""),
        notes=list(subject.notes.values()),
        opening=opening,
        outcomes=outcomes,
    )
