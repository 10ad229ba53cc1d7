"""What UTF-8 cannot write is refused by name, or spelled out."""

import pytest

from glassworks.core.text import check_text, several, writable


def test_any_text_that_utf8_can_write_passes() -> None:
    for text in ("", "caf\u00e9 \U0001f600", "\ufffd\ue000\uffff\0"):
        check_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "caf\udce9",
            r"prompt\[3\] \(='\\udce9'\) is a lone surrogate, no character \(the byte 0xE9 is no UTF-8 there\)",
        ),
        ("\ud83d", r"prompt\[0\] \(='\\ud83d'\) is a lone surrogate, no character: give it in UTF-8, or repair"),
        ("a\udfff", r"prompt\[1\] \(='\\udfff'\) is a lone surrogate, no character: give it in UTF-8"),
        (b"bytes", r"prompt \(a bytes\) must be a str"),
    ],
)
def test_anything_else_is_refused_by_name_place_and_remedy(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        check_text(text, "prompt")
    assert "\n" not in str(error.value)


def test_names_of_files_in_latin_1_can_be_written_and_told_apart() -> None:
    assert [writable(name) for name in ("caf\u00e9", "caf\udce9", "caf\udce8")] == [
        "caf\u00e9",
        "caf\\udce9",
        "caf\\udce8",
    ]


def test_a_bare_text_is_one_text() -> None:
    assert list(several("abc")) == ["abc"]
    assert list(several(["a", "b"])) == ["a", "b"]
