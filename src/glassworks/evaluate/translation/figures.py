"""What translations are measured by: BLEU, and the share that is the reference to the letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from glassworks.evaluate.labelled.intervals import Figure, mean
from glassworks.objectives.metrics.bleu import bleu_of, bleu_sums


@dataclass(frozen=True)
class Measure:
    """A figure's name on a page, and how it is shown."""

    title: str
    scale: float
    """What a value is multiplied by: shares become percent."""
    unit: str

    def shown(self, value: float | None) -> str:
        """'99.3 %', '87.4'; a dash where there is none."""
        return "–" if value is None else f"{self.scale * value:.1f}{self.unit}"


MEASURES = {"exact": Measure("exact match", 100.0, " %"), "bleu": Measure("BLEU", 1.0, "")}
"""Of both, more is better."""


def figures_of(texts: Sequence[str], references: Sequence[str]) -> dict[str, Figure]:
    """Both, of texts beside what they should be."""
    pairs = list(zip(texts, references, strict=True))
    exact = np.array([ours == theirs for ours, theirs in pairs], float)
    sums = np.stack([bleu_sums(ours, theirs) for ours, theirs in pairs], 1)  # (10, N)
    return {"exact": mean(exact, kind="proportion"), "bleu": Figure(sparse.csr_array(sums), bleu_of)}


def interval_shown(found: Mapping[str, Any], name: str) -> str:
    """'99.3 %, from 98.9 to 99.6'; of a figure without an interval only the first."""
    measure = MEASURES[name]
    if found.get("low") is None:
        return measure.shown(found.get("value"))
    low, high = (f"{measure.scale * found[end]:.1f}" for end in ("low", "high"))
    return f"{measure.shown(found['value'])}, from {low} to {high}"
