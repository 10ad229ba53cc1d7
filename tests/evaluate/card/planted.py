"""Labelled data with faults that were planted."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import prepare
from glassworks.data.labelled.source import Block, Source
from glassworks.evaluate.card.alike import near_findings
from glassworks.evaluate.card.borders import border_findings
from glassworks.evaluate.card.card import Card, data_card
from glassworks.evaluate.card.columns import column_findings, later_findings
from glassworks.evaluate.card.copies import copies, copy_findings, shown
from glassworks.evaluate.card.counts import class_findings, file_findings, group_findings
from glassworks.evaluate.card.findings import Finding, in_order
from glassworks.evaluate.card.whole import Whole

DIGITS = load_digits()
PIXELS = np.rint(DIGITS.images * (255 / 16)).astype(np.uint8)[:, None]
TARGETS = DIGITS.target.astype(np.int64)


def card_of(source: Source, folder: Path, *parts: str) -> Card:
    """The card of a source; of some of its parts only, where they are named: copies, near, counts, border, columns."""
    data = prepare(source, folder / "examples")
    if not parts:
        return data_card(source, data)
    whole = Whole(data)
    same = copies(whole)
    firsts = same.firsts(len(whole))
    findings: list[Finding] = []
    facts: dict[str, Any] = {}
    pairs: dict[str, list[tuple[int, int]]] = {"exact": shown(whole, same)}
    if "copies" in parts:
        more, facts["duplicates"] = copy_findings(whole, same, 0)
        findings += more
    if "near" in parts:
        more, facts["near_duplicates"], pairs["near"] = near_findings(whole, firsts, 0)
        findings += more
    if "counts" in parts:
        findings += group_findings(whole)[0] + class_findings(whole) + file_findings(source)
    if "border" in parts:
        findings += border_findings(whole, 0)[0]
    if "columns" in parts:
        findings += column_findings(whole, source, firsts, 0)[0] + later_findings(source)
    return Card(tuple(in_order(findings)), (), facts, whole, pairs, np.zeros(0, np.int64))


def images(pixels: Any, targets: Any, **more: Any) -> Source:
    """A source of images."""
    names = [f"image {i}" for i in range(len(pixels))]
    block = Block(pixels, [str(target) for target in targets], names, **more)
    return Source("images", "images", "classes", pixels.shape[1:], lambda: iter([block]), f"{pixels.tobytes()!r}{more}")


def larger(pixels: Any, times: int = 4) -> Any:
    """Images of so many times the size, with some noise, so that they are as photographs."""
    big = pixels.repeat(times, 2).repeat(times, 3).astype(float) * 0.8 + 20
    return (big + np.random.default_rng(0).uniform(-4, 4, big.shape)).clip(0, 255).astype(np.uint8)


def table(rows: list[dict[str, Any]], folder: Path, **roles: Any) -> Source:
    """A source of rows, by a CSV file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return open_source(folder / "table.csv", **roles)


def rows(number: int = 400, seed: int = 0) -> list[dict[str, Any]]:
    """Clean rows: three numbers, of which two say something, and a category."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        a, b, c = rng.normal(size=3)
        answer = "yes" if a + b + rng.normal() * 0.7 > 0 else "no"
        city = "ABCD"[int(rng.integers(4))]
        found.append({"a": round(a, 4), "b": round(b, 4), "c": round(c, 4), "city": city, "target": answer})
    return found


def folder_of(pixels: Any, targets: Any, folder: Path) -> Path:
    """Images as PNG files in folders by class."""
    for i, (one, target) in enumerate(zip(pixels, targets, strict=True)):
        place = folder / str(target)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one[0]).save(place / f"{i}.png")
    return folder


def kinds(card: Card, *levels: str) -> set[str]:
    """The kinds of findings that matter so much."""
    return {finding.what for finding in card.findings if finding.level in levels}


def sentences(card: Card, what: str) -> str:
    """All sentences of a kind."""
    return " ".join(finding.sentence for finding in card.findings if finding.what == what)
