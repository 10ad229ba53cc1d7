"""The picture of a graph: complete, legible, harmless, and refused when too large."""

import random
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.micro.engine import Value
from glassworks.micro.graph import columns_of, crossings, lanes, settle, short, svg, untangle
from glassworks.micro.nn import MLP

SVG = "{http://www.w3.org/2000/svg}"


def random_graph(seed: int, size: int) -> Value:
    """A value made from the ones before it by random operations."""
    dice = random.Random(seed)
    values = [Value(dice.uniform(-2, 2), name) for name in "abc"]
    while len(values) < size:
        a, b = dice.choice(values), dice.choice(values[-6:])
        values.append(dice.choice([a + b, a * b, a - b, b.tanh(), a**2, a.max(b)]))
    return sum(values[-5:], Value(0.0))


def boxes_of(picture: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each value's box, by number."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        if "data-box" in group.attrib:
            x, y = map(float, re.findall(r"-?[\d.]+", group.attrib["transform"]))
            rect = group.find(f"{SVG}rect")
            assert rect is not None
            wide, high = float(rect.attrib["width"]), float(rect.attrib["height"])
            found[int(group.attrib["data-box"])] = (x, y, x + wide, y + high)
    return [found[i] for i in range(len(found))]


def pieces(path: str) -> Iterator[tuple[float, float, float, float]]:
    """The rectangle around each piece of an edge's path."""
    x = y = 0.0
    for command, text in re.findall(r"([MHC])([^MHC]*)", path):
        numbers = [float(n) for n in text.split()]
        xs, ys = (numbers, [y]) if command == "H" else (numbers[::2], numbers[1::2])
        if command != "M":
            yield min(x, *xs), min(y, *ys), max(x, *xs), max(y, *ys)
        x, y = xs[-1], ys[-1]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two rectangles share more than their rims."""
    return a[0] < b[2] - 0.5 and b[0] < a[2] - 0.5 and a[1] < b[3] - 0.5 and b[1] < a[3] - 0.5


@pytest.mark.parametrize("seed", range(8))
def test_no_box_hides_another_and_no_edge_runs_behind_one(seed: int) -> None:
    root = random_graph(seed, 12 + 10 * seed)
    picture = ElementTree.fromstring(svg(root))
    boxes, values = boxes_of(picture), Value.topological(root)
    assert len(boxes) == len(values)
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    for edge in picture.iter(f"{SVG}path"):
        if "data-edge" in edge.attrib:
            i, side = map(int, edge.attrib["data-edge"].split("-"))
            child = values.index(values[i]._prev[side])
            for piece in pieces(edge.attrib["d"]):
                assert not any(overlap(piece, box) for k, box in enumerate(boxes) if k != child)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    assert all(left > 0 and top > 0 and right < width and bottom < height for left, top, right, bottom in boxes)


def test_every_operand_has_its_edge_from_left_to_right() -> None:
    root = random_graph(3, 40)
    values = Value.topological(root)
    picture = ElementTree.fromstring(svg(root))
    boxes = boxes_of(picture)
    edges = {
        path.attrib["data-edge"]: path.attrib["d"] for path in picture.iter(f"{SVG}path") if "data-edge" in path.attrib
    }
    assert set(edges) == {f"{i}-{side}" for i, v in enumerate(values) for side in range(len(v._prev))}
    for i, v in enumerate(values):
        for side, child in enumerate(v._prev):
            start, *_, end = pieces(edges[f"{i}-{side}"])
            assert start[0] == pytest.approx(boxes[values.index(child)][2], abs=0.2)
            assert start[0] < end[2] < boxes[i][0]


def test_a_value_used_twice_shows_two_edges() -> None:
    a = Value(3.0, "a")
    paths = re.findall(r'data-edge="1-[01]" d="([^"]+)"', svg(a * a))
    assert len(set(paths)) == 2


def test_operations_on_one_value_lie_on_a_straight_line() -> None:
    boxes = boxes_of(ElementTree.fromstring(svg((-Value(1.0).tanh()).exp())))
    assert len({top for _, top, _, _ in boxes}) == 1
    assert all(a[2] < b[0] for a, b in pairwise(boxes))


def test_a_box_shows_label_data_and_gradient() -> None:
    a, b = Value(-4.0, "a"), Value(1 / 3, "b")
    root = a * b
    root.backward()
    texts = [text.text for text in ElementTree.fromstring(svg(root)).iter(f"{SVG}text")]
    shown = ["a data -4 grad 0.3333", "b data 0.3333 grad -4", "*", "data -1.333 grad 1"]
    assert texts == " ".join(shown).split(" ")


@pytest.mark.parametrize(
    ("number", "text"),
    [(24.70408, "24.7"), (0.0, "0"), (-0.0, "0"), (-0.5, "-0.5"), (12345.0, "1.234e4"), (1.2e-7, "1.2e-7")],
)
def test_numbers_have_four_digits(number: float, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    "label", ["<script>alert(1)</script>", '"><svg onload="x', "]]>&", "a\x00b\ud800\x1b", "x" * 400]
)
def test_a_label_is_text_whatever_it_holds(label: str) -> None:
    picture = svg(Value(1.0, label) + 1)
    root = ElementTree.fromstring(picture)
    assert "<script" not in picture
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "path",
        "g",
        "text",
    }
    assert float(root.attrib["width"]) < 600


def test_it_needs_nothing_else_and_says_what_it_is() -> None:
    picture = svg(Value(2.0, "w") * 3)
    assert re.findall(r"https?://[^\"]*|url\(|href|@import", picture) == ["http://www.w3.org/2000/svg"]
    assert "<title>Graph of a value = 6: 3 values, 2 of them leaves</title>" in picture
    assert "prefers-color-scheme:dark" in picture


def test_a_graph_too_large_to_read_is_refused() -> None:
    network = MLP(3, [8, 8, 1])([1.0, 2.0, 3.0])
    count = len(Value.topological(network))
    with pytest.raises(
        ValueError, match=rf"{count} values, and no more than 200 are drawn \(limit\): draw a smaller piece"
    ):
        svg(network)
    assert svg(network, limit=count).count("data-box") == count


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=7), st.randoms())
@settings(max_examples=50, deadline=None)
def test_settling_keeps_distances_and_is_the_nearest(wanted: list[float], dice: random.Random) -> None:
    apart = [dice.uniform(1, 20) for _ in wanted[1:]]
    found = settle(wanted, apart)
    assert all(b - a >= gap - 1e-9 for (a, b), gap in zip(pairwise(found), apart, strict=True))
    cost = sum((p - w) ** 2 for p, w in zip(found, wanted, strict=True))
    for _ in range(20):
        other = [p + dice.uniform(-1, 1) for p in found]
        if all(b - a >= gap for (a, b), gap in zip(pairwise(other), apart, strict=True)):
            assert sum((p - w) ** 2 for p, w in zip(other, wanted, strict=True)) >= cost - 1e-6


def test_sweeps_untangle_and_crossings_are_counted_right() -> None:
    values = Value.topological(random_graph(5, 60))
    operands = [[values.index(child) for child in v._prev] for v in values]
    columns, links = lanes(operands, columns_of(operands))
    rank = {item: r for items in columns for r, item in enumerate(items)}
    ends = [(a[1], rank[a], rank[b] + offset) for a, b, offset in links]
    slow = sum(c == d and (a - e) * (b - f) < 0 for (c, a, b), (d, e, f) in combinations(ends, 2))
    assert crossings(columns, links) == slow
    assert crossings(untangle(columns, links), links) < 0.6 * slow
