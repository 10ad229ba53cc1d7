import pytest

from glassworks.core.columns import aligned, fold, listed, terminal_width

ROWS = [
    ["run", "made of", "loss"],
    ["a", "a text with a long name and an_even_longer_word_without_any_blank", "1.5"],
    ["b", "-", "12.25"],
]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([["run", "loss"], ["long name", "1.5"]], right=(1,)) == ["run        loss", "long name   1.5"]


@pytest.mark.parametrize("width", [30, 40, 80])
def test_what_is_wider_than_the_terminal_is_folded_and_nothing_is_lost(width: int) -> None:
    lines = aligned(ROWS, width=width)
    assert max(map(len, lines)) <= width
    start, end = lines[0].index("made of"), lines[0].index("loss")
    cell = "".join(line[start:end].strip() for line in lines[1:-1])
    assert cell.replace(" ", "") == ROWS[1][1].replace(" ", "")
    assert lines[1][end:] == "1.5"


def test_a_terminal_narrower_than_any_table_keeps_words_readable() -> None:
    assert max(map(len, aligned(ROWS, width=5))) == len("run") + 12 + len("12.25") + 4


def test_lists_are_folded_beside_their_names_and_left_whole_in_a_pipe() -> None:
    texts = {"a": "one two three four", "long-name-of-it": "five"}
    assert listed(texts, None) == ["  a          one two three four", "  long-name-of-it five"]
    assert listed(texts, 24) == ["  a          one two", " " * 13 + "three four", "  long-name-of-it five"]
    assert fold("    one two three", 12, "    ") == ["    one two", "    three"]


def test_a_pipe_has_no_width_unless_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_width() is None
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal_width() == 72
