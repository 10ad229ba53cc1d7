"""Markup: what enters an element is escaped, exactly once."""

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassworks.draw.markup import Markup, join, tag


class Reader(HTMLParser):
    """Collects what a browser would take for elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    reader = Reader()
    reader.feed(tag("p", text, title=text))
    reader.close()
    assert reader.elements == ["p"]
    printable = html.unescape(join([text]))
    assert reader.text == printable
    assert reader.attributes["title"] == printable
    printable.encode("utf-8")


def test_ordinary_text_is_not_changed() -> None:
    assert html.unescape(join(["Ünï 漢字 🙂 \t\n <b> & \"'"])) == "Ünï 漢字 🙂 \t\n <b> & \"'"


def test_markup_is_not_escaped_twice() -> None:
    assert tag("p", tag("b", "<"), "<") == "<p><b>&lt;</b>&lt;</p>"
    assert isinstance(join(["a", Markup("<b>")]), Markup)


def test_attributes_are_named_as_html_names_them() -> None:
    assert tag("i", class_="a", data_x=1, viewBox="0 0 1 1", left_out=None) == (
        '<i class="a" data-x="1" viewBox="0 0 1 1"></i>'
    )


def test_coordinates_have_two_decimals_and_are_finite() -> None:
    assert tag("i", x=1.0, y=2.3456) == '<i x="1" y="2.35"></i>'
    with pytest.raises(ValueError, match="finite"):
        tag("i", x=float("nan"))
