"""The flags of every command that reads text, beside the one that names it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from glassworks.data.text.reading import Reading


@dataclass(frozen=True)
class ReadingFlags:
    """How text is read."""

    column: str | None = None
    """The column of .jsonl, .parquet, .csv and .tsv that holds the text. None = "text", or the only one that holds
    strings; a .csv or .tsv is plain text then."""
    skip_unreadable: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out the files of a folder or a glob that cannot be read, and list them; otherwise one refuses them all."""

    def reading(self) -> "Reading":
        """The same for whoever reads."""
        from glassworks.data.text.reading import Reading

        return Reading(self.column, self.skip_unreadable)


def say_what_was_read(reading: "Reading") -> None:
    """Columns taken of tables and files left out, a line each."""
    from glassworks.core.progress import say
    from glassworks.data.text.reading import described, noted

    for line in described(noted(reading)):
        say(line)
