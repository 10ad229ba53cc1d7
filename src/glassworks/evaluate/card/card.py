"""A data card: all that is found in labelled data, what matters most first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from glassworks.core.progress import tracked
from glassworks.data.labelled.prepare import Labelled
from glassworks.data.labelled.source import SPLITS, Source
from glassworks.evaluate.card.alike import near_findings
from glassworks.evaluate.card.borders import border_findings
from glassworks.evaluate.card.columns import column_findings, later_findings
from glassworks.evaluate.card.copies import copies, copy_findings, shown
from glassworks.evaluate.card.counts import class_counts, class_findings, file_findings, group_findings
from glassworks.evaluate.card.findings import Finding, in_order
from glassworks.evaluate.card.suspects import SHOWN, noise_findings
from glassworks.evaluate.card.whole import Whole

LOOKED_FOR = {
    "duplicates": "exact copies",
    "near_duplicates": "near copies",
    "border": "a border or corners that tell the class",
    "column": "a column that alone tells the target",
    "ids": "ids among the columns",
    "time": "times after the fact",
    "constant": "constant columns",
    "groups": "groups in several splits",
    "balance": "classes that are rare or mixed otherwise in a split",
    "noise": "labels that are likely wrong",
    "images": "images of several sizes, modes or formats",
}
"""What a card looks for, by the kind of its findings."""


@dataclass(frozen=True, eq=False)
class Card:
    """What was found."""

    findings: tuple[Finding, ...]
    """What matters most first."""
    nothing: tuple[str, ...]
    """What was looked for and not found, in words."""
    facts: dict[str, Any]
    """Counts and measures, as JSON has them."""
    whole: Whole
    pairs: dict[str, list[tuple[int, int]]]
    """Examples that are the same or nearly: exact, near."""
    suspects: Int[np.ndarray, " n"]
    """Examples whose label is likely wrong, the likeliest first."""

    def as_json(self) -> dict[str, Any]:
        """All of it, pairs and suspects by their names."""
        pairs = {
            kind: [{"names": self.whole.names(pair), "targets": [self.whole.target(i) for i in pair],
                    "splits": [SPLITS[self.whole.splits[i]] for i in pair]} for pair in some]
            for kind, some in self.pairs.items()
        }  # fmt: skip
        return {
            **self.facts,
            "findings": [finding.as_json() for finding in self.findings],
            "not_found": list(self.nothing),
            "pairs": pairs,
        }


def data_card(source: Source, data: Labelled, seed: int = 0) -> Card:
    """Look for what is wrong with labelled data.

    Args:
        source: where they come from.
        data: the same, prepared.
        seed: of samples, folds and shuffled controls.

    Memory is some numbers for each example, of large data samples; a minute or two for 60,000 small images on a core.
    """
    whole = Whole(data)
    with tracked("look through the data", 6) as report:
        same = copies(whole)
        firsts = same.firsts(len(whole))
        found, exact = copy_findings(whole, same, seed)
        pairs = {"exact": shown(whole, same)}
        report(1)
        more, near, pairs["near"] = near_findings(whole, firsts, seed)
        found += more
        report(2)
        grouped, groups = group_findings(whole)
        found += grouped + class_findings(whole) + file_findings(source)
        more, border = border_findings(whole, seed)
        found += more
        report(3)
        more, columns = column_findings(whole, source, firsts, seed)
        found += more + later_findings(source)
        report(4)
        more, noise, suspects = noise_findings(whole, seed)
        found += more
        report(6)
    facts = {
        "what": data.what, "kind": data.kind, "task": data.task, "shape": list(data.shape),
        **class_counts(whole),
        "found": source.found, "notes": list(data.notes),
        "duplicates": exact, "near_duplicates": near, "groups": groups, "border": border, "columns": columns,
        "noise": noise, "seed": seed,
    }  # fmt: skip
    looked = looked_for(data, source, groups, noise, border)
    there = {finding.what for finding in found}
    nothing = tuple(LOOKED_FOR[what] for what in looked if what not in there)
    return Card(tuple(in_order(found)), nothing, facts, whole, pairs, suspects[:SHOWN])


def looked_for(data: Labelled, source: Source, groups: Any, noise: Any, border: Any) -> list[str]:
    """The kinds of findings that these data could have had."""
    kinds = ["duplicates", "near_duplicates"]
    kinds += ["border"] * bool(border)
    kinds += ["column", "ids", "time", "constant"] if data.kind == "table" else []
    kinds += ["images"] * bool(source.found.get("sizes"))
    kinds += ["groups"] * bool(groups)
    kinds += ["balance"] if data.task == "classes" else []
    return kinds + ["noise"] * bool(noise)
