"""The pages' style on light paper with its variables replaced, for drawings that leave the page."""

import re
from collections.abc import Mapping
from functools import cache

from glassworks.draw.colours import classes, schemes
from glassworks.draw.page import style


def paper(text: str) -> tuple[str, str]:
    """The style's own variables, light and dark (the dark ones change only the colours)."""
    light, dark = (re.sub(r"color-scheme:[^;]*;", "", found) for found in re.findall(r":root *{([^}]*)}", text)[:2])
    return light.strip(), dark.strip()


@cache
def variables() -> Mapping[str, str]:
    """The values of the style's variables on light paper."""
    found = dict(re.findall(r"--([\w-]+): *([^;]+)", f"{paper(style())[0]};{schemes()[0]}"))
    return {name: substituted(value, found) for name, value in found.items()}  # one may be another's


def rules() -> str:
    """The style with its variables replaced, but for the lines' own colours, which their classes set."""
    return substituted(f"{classes()}\n{style()}", variables())


def substituted(text: str, values: Mapping[str, str]) -> str:
    """A text with the variables in it replaced."""
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values.get(found[1], found[0]), text)


def fill_of(names: str) -> str | None:
    """The background of a cell by its class, if it has one of a scale's levels."""
    found = re.search(r"\b(heat-back|above|below|surprise|chance)(\d+)\b", names)
    return None if found is None else variables()[f"{found[1].removesuffix('-back')}{found[2]}"]


def ink_of(names: str) -> str:
    """The colour of what is written on it."""
    found = re.search(r"\b(heat-back|above|below)(\d+)\b", names)
    return variables()["ink" if found is None else f"on-{found[1].removesuffix('-back')}{found[2]}"]
