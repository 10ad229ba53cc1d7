"""Examples that come with the package, by name, made when they are asked for: small sums, and prompts from a corpus.

arithmetic       sums and differences of whole numbers below twenty, each with its result
forms            the same, with results in <answer>...</answer>
prompts:SOURCE   how the documents of a corpus begin, to be gone on with
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from glassworks.core.files import at_home
from glassworks.data.dialogues.rows import Row
from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading

BELOW, PROMPTS = 20, 2000
"""Numbers of sums; prompts of a corpus at most."""

SHORTEST, LONGEST = 20, 80
"""Characters of a prompt from a corpus; it ends with a word."""


def arithmetic() -> Iterator[Row]:
    """Sums and differences, none twice, in an order that is always the same.

    >>> next(arithmetic())
    {'prompt': '18 - 19 =', 'completion': ' -1'}
    """
    for first, second, sign in drawn():
        value = first + second if sign == "+" else first - second
        yield {"prompt": f"{first} {sign} {second} =", "completion": f" {value}"}


def forms() -> Iterator[Row]:
    """The same with their results in tags."""
    for row in arithmetic():
        yield {"prompt": row["prompt"], "completion": f" <answer>{row['completion'].strip()}</answer>"}


def drawn() -> Iterator[tuple[int, int, str]]:
    """Two numbers and what is done with them."""
    for place in np.random.default_rng(0).permutation(2 * BELOW**2).tolist():
        rest, sign = divmod(place, 2)
        first, second = divmod(rest, BELOW)
        yield first, second, "+-"[sign]


def prompts(source: str) -> Iterator[Row]:
    """How documents begin: so many characters of each, to the end of a word; of short documents none."""
    found = 0
    for document in documents(source, Reading()):
        beginning = document.text.strip()[:LONGEST]
        end = max(beginning.rfind(" "), beginning.rfind("\n"))
        if end >= SHORTEST:
            yield {"prompt": beginning[:end]}
            found += 1
        if found == PROMPTS:
            return


SHIPPED: Mapping[str, Callable[[], Iterator[Row]]] = {"arithmetic": arithmetic, "forms": forms}


def is_shipped(name: str) -> bool:
    """Whether a name is of such examples; a file of that name goes before them."""
    return (name in SHIPPED or name.startswith("prompts:")) and not at_home(name).exists()


def shipped(name: str) -> Iterator[Row]:
    """The examples of a name."""
    return SHIPPED[name]() if name in SHIPPED else prompts(name.partition(":")[2])
