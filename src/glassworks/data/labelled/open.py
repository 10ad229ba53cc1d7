"""From what somebody names to a source of labelled data."""

import os

from glassworks.data.labelled.kinds import TOYS
from glassworks.data.labelled.source import Source


def open_source(data: str | os.PathLike[str]) -> Source:
    """A source by what it is called.

        "digits"            scikit-learn's handwritten digits
        "moons" "xor:500"   points of a toy set (see `toys`)

    Raises: ValueError for what is none.
    """
    name = os.fspath(data)
    if name == "digits":
        from glassworks.data.labelled.digits import digits_source

        return digits_source()
    if name.partition(":")[0] in TOYS:
        from glassworks.data.labelled.toys import toy_source

        return toy_source(name)
    raise ValueError(f"data (={name!r}) is no labelled data: give digits or a toy set ({', '.join(TOYS)})")
