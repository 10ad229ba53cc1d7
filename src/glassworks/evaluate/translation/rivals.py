"""The dumb baselines that an encoder-decoder must beat on the same pairs: to copy, and to look up the most alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.core.progress import counted, tracked

MOST = 100_000
"""Training pairs that are looked up in, at most."""
AT_ONCE = 256


@dataclass(frozen=True)
class Rival:
    """A way to write targets, and what it writes."""

    name: str
    note: str
    texts: tuple[str, ...]
    seconds: float


def rivals(train: Sequence[tuple[str, str]], sources: Sequence[str]) -> list[Rival]:
    """What each writes for some sources, given the training pairs."""
    return [copied(sources), nearest(train, sources)]


def copied(sources: Sequence[str]) -> Rival:
    """The source itself."""
    return Rival("copy", "writes the source again", tuple(sources), 0.0)


def nearest(train: Sequence[tuple[str, str]], sources: Sequence[str]) -> Rival:
    """The target of the pair whose source is most alike: by the cosine of weighted groups of 2 to 4 letters."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    began = time.monotonic()
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), dtype=np.float32, sublinear_tf=True)
    table = vectorizer.fit_transform([source for source, _ in train]).T.tocsr()
    chosen: list[int] = []
    with tracked("look up the nearest pairs", len(sources)) as report:
        for first in range(0, len(sources), AT_ONCE):
            likeness = vectorizer.transform(sources[first : first + AT_ONCE]) @ table
            chosen += np.asarray(likeness.argmax(axis=1)).ravel().tolist()
            report(len(chosen))
    note = f"writes the target of the most alike of {counted(len(train), 'training pair')}"
    return Rival("nearest pair", note, tuple(train[i][1] for i in chosen), time.monotonic() - began)
