"""Colours: even steps, and text readable on every level in both schemes."""

import itertools
import re

import pytest

from glassworks.draw.colours import DARK, LEVELS, LIGHT, between, hexadecimal, level, theme
from glassworks.draw.page import HERE


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours (WCAG 2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def variable(name: str, scheme: int) -> str:
    """A colour of the style sheet: scheme 0 is light, 1 is dark."""
    css = (HERE / "root.css").read_text("utf-8") + theme()
    return re.findall(rf"--{name}: ?(#[0-9a-f]{{6}})", css)[scheme]


@pytest.mark.parametrize(("scheme", "scales"), [(0, LIGHT), (1, DARK)])
@pytest.mark.parametrize("scale", ["surprise", "chance"])
def test_text_is_readable_on_every_level(scheme: int, scales: dict, scale: str) -> None:
    ink = variable("ink", scheme)
    assert min(contrast(hexadecimal(between(scales[scale], i / (LEVELS - 1))), ink) for i in range(LEVELS)) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_and_lines_stand_out_from_the_paper(scheme: int) -> None:
    paper = variable("paper", scheme)
    assert all(contrast(variable(name, scheme), paper) >= 4.5 for name in ("ink", "soft", "mark"))
    assert all(contrast(variable(f"line{i}", scheme), paper) >= 3 for i in range(8))
    assert contrast(variable("control", scheme), paper) >= 3


@pytest.mark.parametrize("scheme", [0, 1])
def test_zero_is_one_colour_on_both_sides(scheme: int) -> None:
    assert variable("above0", scheme) == variable("below0", scheme)


@pytest.mark.parametrize("scheme", [0, 1])
def test_numbers_are_readable_in_every_cell(scheme: int) -> None:
    for scale in ("heat", "above", "below"):
        for i in range(LEVELS):
            cell, written = variable(f"{scale}{i}", scheme), variable(f"on-{scale}{i}", scheme)
            assert contrast(cell, written) >= 4.5, (scale, i)


@pytest.mark.parametrize("stops", [*LIGHT.values(), *DARK.values()])
def test_lightness_changes_one_way_in_even_steps(stops: tuple) -> None:
    lightness = [between(stops, i / (LEVELS - 1))[0] for i in range(LEVELS)]
    steps = [b - a for a, b in itertools.pairwise(lightness)]
    assert max(steps) - min(steps) < 1e-9
    assert all(step * steps[0] > 0 for step in steps)


def test_conversion_matches_known_colours() -> None:
    assert hexadecimal((1.0, 0.0, 0.0)) == "#ffffff"
    assert hexadecimal((0.0, 0.0, 0.0)) == "#000000"
    assert hexadecimal((0.62796, 0.25768, 29.234)) == "#ff0000"  # Ottosson 2020


def test_levels_are_bounded() -> None:
    assert [level(x) for x in (-1.0, 0.0, 1.0, 9.0, float("nan"))] == [0, 0, LEVELS - 1, LEVELS - 1, 0]
