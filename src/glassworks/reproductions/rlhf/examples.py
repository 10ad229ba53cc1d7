"""What is gone on with: the first lines of short functions of Python sources, and how they really go on."""

from collections.abc import Iterator

from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading

LINES, CHARACTERS = 6, 200
"""Of a function's body at most."""

Row = dict[str, str]


def examples(source: str, most: int) -> list[Row]:
    """A prompt, `def name(...):`, and a completion, its body, for each short function of a corpus; none twice.

    Raises: ValueError where there are too few: it is no Python.
    """
    found: dict[str, Row] = {}
    for document in documents(source, Reading()):
        for row in functions(document.text):
            found.setdefault(row["prompt"], row)
        if len(found) >= most:
            break
    if len(found) < 40:
        raise ValueError(f"data (={source!r}) has {len(found)} short functions, and 40 are needed: give Python sources")
    return list(found.values())[:most]


def functions(text: str) -> Iterator[Row]:
    """The short functions of a source, without their indentation."""
    lines = text.split("\n")
    for place, line in enumerate(lines):
        bare = line.lstrip(" ")
        if not (bare.startswith("def ") and bare.endswith(":")):
            continue
        depth, body = len(line) - len(bare), list[str]()
        for later in lines[place + 1 :]:
            if later.strip() and len(later) - len(later.lstrip(" ")) <= depth:
                break
            body.append(later[depth:].rstrip())
        while body and not body[-1]:
            body.pop()
        whole = "\n".join(body) + "\n"
        if 1 <= len(body) <= LINES and len(whole) <= CHARACTERS:
            yield {"prompt": bare + "\n", "completion": whole}
