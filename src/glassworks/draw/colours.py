"""Colours as CSS variables for light and dark paper, so that a figure names a level and never a colour.

Sequential scales run from the paper's colour to a strong one with lightness linear in OKLab (Ottosson 2020), hence even
steps to the eye, also without colour vision. `heat` fills cells; `above` and `below` are the two halves of a scale that
parts at zero, orange and blue, which every kind of colour vision tells apart, and begin in one grey: around zero there
is no sign; `surprise` and `chance` lie behind text
and stay pale enough to read it. Lines are Okabe and Ito's eight colours (2008), lightened on dark paper.
"""

import math

from glassworks.draw.markup import Markup

LEVELS = 16
DEPTHS = 8

Stop = tuple[float, float, float | int]  # OKLCH: lightness 0-1, chroma, hue in degrees
LIGHT: dict[str, tuple[Stop, Stop, Stop]] = {
    "heat": ((0.965, 0.008, 220), (0.68, 0.10, 235), (0.33, 0.13, 268)),
    "above": ((0.965, 0.0, 58), (0.74, 0.13, 58), (0.42, 0.13, 40)),
    "below": ((0.965, 0.0, 240), (0.69, 0.10, 240), (0.36, 0.14, 265)),
    "surprise": ((0.99, 0.004, 85), (0.89, 0.08, 75), (0.74, 0.15, 48)),
    "chance": ((0.985, 0.004, 220), (0.89, 0.05, 228), (0.76, 0.10, 240)),
}
DARK: dict[str, tuple[Stop, Stop, Stop]] = {
    "heat": ((0.25, 0.015, 260), (0.56, 0.12, 245), (0.94, 0.08, 165)),
    "above": ((0.25, 0.0, 50), (0.55, 0.13, 50), (0.84, 0.13, 68)),
    "below": ((0.25, 0.0, 250), (0.55, 0.12, 250), (0.84, 0.10, 228)),
    "surprise": ((0.20, 0.006, 60), (0.34, 0.07, 55), (0.52, 0.135, 42)),
    "chance": ((0.22, 0.010, 255), (0.35, 0.06, 250), (0.50, 0.11, 245)),
}
FILLS = {"heat": "heat-back", "above": "above", "below": "below"}  # scales of cells that numbers may stand in: classes
READABLE = 4.5
CONTROL_LIGHT, CONTROL_DARK = "#7b7b84", "#8e8e98"  # what stands beside a result, so that it can be believed
DASHES = ("5 4", "1.5 4", "9 3 2 3", "12 5")
LINES_LIGHT = ("#0068a8", "#c65102", "#00805c", "#a84f86", "#8a6d00", "#3c8fc4", "#5d5d66", "#b0306a")
LINES_DARK = ("#5bb8f0", "#f0a05a", "#4fc9a0", "#e29bc4", "#d9c452", "#9ad0f5", "#a9a9b4", "#ff8fb4")


def theme() -> Markup:
    """The variables of both schemes and the classes that use them."""
    light, dark = schemes()
    rules = [f":root{{{light}}}", f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"]
    return Markup("\n".join([*rules, classes()]))


def schemes() -> tuple[str, str]:
    """The variables on light and on dark paper."""
    return variables(LIGHT, LINES_LIGHT, CONTROL_LIGHT), variables(DARK, LINES_DARK, CONTROL_DARK)


def classes() -> str:
    """The classes that name a level or a line."""
    rules = []
    for level in range(LEVELS):
        rules.append(f".heat{level}{{stroke:var(--heat{level})}}.heat-back{level}{{background:var(--heat{level})}}")
        rules.append(f".heat-fill{level}{{fill:var(--heat{level})}}")
        rules += [
            f".{scale}{level}{{background:var(--{scale}{level})}}" for scale in ("surprise", "chance", "above", "below")
        ]
        rules += [f".{fill}{level}{{color:var(--on-{scale}{level})}}" for scale, fill in FILLS.items()]
    rules += [f".line{i}{{--line:var(--line{i})}}" for i in range(len(LINES_LIGHT))]
    rules += [f".depth{i}{{--line:var(--heat{round(3 + 12 * i / (DEPTHS - 1))})}}" for i in range(DEPTHS)]
    rules += [f".control{i}{{--line:var(--control);--dash:{dash}}}" for i, dash in enumerate(DASHES)]
    return "\n".join(rules)


def level(share: float | int) -> int:
    """The level of a share in [0, 1]; beyond it the end of the scale, and 0 for NaN."""
    return round(min(max(share, 0.0), 1.0) * (LEVELS - 1)) if not math.isnan(share) else 0


def variables(scales: dict[str, tuple[Stop, Stop, Stop]], lines: tuple[str, ...], control: str) -> str:
    """One scheme's variables."""
    found = []
    for name, stops in scales.items():
        for i in range(LEVELS):
            colour = hexadecimal(between(stops, i / (LEVELS - 1)))
            found += [f"--{name}{i}:{colour}"] + [f"--on-{name}{i}:{ink_on(colour)}"] * (name in FILLS)
    return ";".join([*found, f"--control:{control}", *(f"--line{i}:{colour}" for i, colour in enumerate(lines))])


def ink_on(colour: str) -> str:
    """What is read on a colour: nearly black or nearly white, or as much of either as it takes."""
    inks = ("#1f1f23", "#fdfcfa", "#000000", "#ffffff")
    readable = [ink for ink in inks if contrast(ink, colour) >= READABLE]
    return readable[0] if readable else max(inks, key=lambda ink: contrast(ink, colour))


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours #rrggbb, from 1 to 21 (WCAG 2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def between(stops: tuple[Stop, Stop, Stop], share: float | int) -> Stop:
    """The colour at `share` of the way: lightness straight from first to last stop, chroma and hue by halves."""
    first, second = stops[:2] if share <= 0.5 else stops[1:]
    part = share * 2 if share <= 0.5 else share * 2 - 1
    lightness = stops[0][0] + share * (stops[2][0] - stops[0][0])
    return lightness, first[1] + part * (second[1] - first[1]), first[2] + part * (second[2] - first[2])


def hexadecimal(colour: Stop) -> str:
    """OKLCH to #rrggbb (Ottosson 2020), clipped to sRGB."""
    lightness, chroma, hue = colour
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )
    encoded = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in (max(c, 0.0) for c in linear))
    return "#" + "".join(f"{round(min(c, 1.0) * 255):02x}" for c in encoded)
