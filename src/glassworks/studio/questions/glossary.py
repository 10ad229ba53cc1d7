"""The words of docs/glossary.md, which a page shows on hover; the wheel has a copy of the file beside the studio."""

from functools import cache
from pathlib import Path

from glassworks.studio.studio import Studio

STUDIO = Path(__file__).parents[1]
PLACES = (STUDIO / "glossary.md", STUDIO.parents[2] / "docs" / "glossary.md")
"""In an installed wheel, and in a checkout."""


def words(_: Studio) -> dict[str, str]:
    """Each word of the glossary in lower case, several of a line each by itself, and what it means."""
    return read()


@cache
def read() -> dict[str, str]:
    """The file's tables."""
    path = next((path for path in PLACES if path.is_file()), None)
    lines = [] if path is None else path.read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 2 or cells[1] == "meaning":
            continue
        names, meaning = (cell.replace("\0", "|") for cell in cells)
        for name in names.replace("`", "").split(", "):
            found[name.lower()] = meaning.replace("`", "")
    return found
