"""A finding: its verdicts, its table and its file."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from glassworks.core.errors import FileDamaged
from glassworks.reproductions.finding import Finding, Row, number

ROWS = (
    Row("dev loss", 2.105, 2.1047, tolerance=0.01, note="12,097 parameters"),
    Row("train loss", 2.058, 2.1, tolerance=0.01),
    Row("accuracy", 0.90, 0.95, "share", "higher", 0.01),
    Row("gradient", 2.6e-3, 2.7e-3, "std", "same", 1e-6),
    Row("not measured", 1.0, None, tolerance=0.1),
    Row("not printed", None, 0.6852, "share"),
    Row("not compared", 1.0, 2.0),
)
FINDING = Finding("A title", "a lecture", "https://example.org", ROWS, quick=True, notes=("Other words: ∀ | €.",))


def test_verdicts() -> None:
    assert [row.verdict for row in ROWS] == ["agrees", "worse", "better", "differs", "", "", ""]


@pytest.mark.parametrize(
    ("better", "ours", "verdict"),
    [("lower", 0.8, "better"), ("lower", 1.2, "worse"), ("higher", 0.8, "worse"), ("higher", 1.2, "better")],
)
def test_beyond_the_tolerance_the_direction_decides(better: str, ours: float, verdict: str) -> None:
    assert Row("x", 1.0, ours, better=better, tolerance=0.1).verdict == verdict  # type: ignore[arg-type]
    assert Row("x", 1.0, ours, better=better, tolerance=0.5).verdict == "agrees"  # type: ignore[arg-type]


def test_what_differs_by_rounding_is_the_same() -> None:
    assert Row("x", 2.105, 2.105 + 0.01, tolerance=0.01).verdict == "agrees"  # 0.010000000000000231 more
    assert Row("x", 1.0, 1.0 + 1e-12, tolerance=0.0).verdict == "agrees"
    assert Row("x", 1.0, 1.0 + 1e-6, tolerance=0.0).verdict == "worse"


def test_the_summary_counts_and_names_what_does_not_agree() -> None:
    assert FINDING.summary == (
        "4 figures compared: 1 agrees; 1 is better ('accuracy'); 1 is worse ('train loss'); 1 differs ('gradient'). A "
        "quick run learns less than the source did, which may be all there is to it: repeat it without --quick."
    )
    several = Finding("t", "s", "u", tuple(replace(row, what=f"{row.what} {i}") for i in (1, 2) for row in ROWS[:3]))
    assert several.summary == (
        "6 figures compared: 2 agree; 2 are better ('accuracy 1', 'accuracy 2'); "
        "2 are worse ('train loss 1', 'train loss 2')."
    )
    assert Finding("t", "s", "u", ROWS[:1], quick=True).summary == "1 figure compared: 1 agrees."
    assert (
        Finding("t", "s", "u", ROWS[3:4], quick=True).summary == "1 figure compared: 0 agree; 1 differs ('gradient')."
    )
    assert "Nothing is compared" in Finding("t", "s", "u", ROWS[-3:]).summary


def test_the_table_sets_each_figure_beside_ours() -> None:
    table = FINDING.table()
    lines = table.splitlines()
    assert lines[0] == "A title"
    assert "a lecture, https://example.org" in table
    assert "QUICK" in table
    assert "Other words: ∀ | €." in table
    (loss,) = (line for line in lines if line.startswith("dev loss"))
    assert loss.split()[2:] == ["2.1050", "2.1047", "-0.0003", "nats", "agrees", "12,097", "parameters"]
    (printed,) = (line for line in lines if line.startswith("not printed"))
    assert printed.split() == ["not", "printed", "-", "0.6852", "share"]
    assert "QUICK" not in Finding("t", "s", "u", ROWS).table()


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    FINDING.save(tmp_path / "deep" / "finding.json")
    assert Finding.load(tmp_path / "deep" / "finding.json") == FINDING
    assert (tmp_path / "deep" / "finding.md").read_text(encoding="utf-8") == FINDING.markdown()
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["finding.json", "finding.md"]


def test_the_markdown_has_as_many_cells_in_every_row() -> None:
    rows = [line for line in FINDING.markdown().splitlines() if line.startswith("|")]
    assert len(rows) == len(ROWS) + 2
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.pop("rows"),
        lambda fields: fields.update(rows=[{"what": "x", "published": "two"}]),
        lambda fields: fields.update(rows=[{"what": "x", "verdict": "agrees"}]),
        lambda fields: fields["rows"][0].update(better="more"),
        lambda fields: fields.update(rows=5),
        lambda fields: fields.update(colour="red"),
    ],
)
def test_a_file_that_is_no_finding_is_refused_by_name(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "finding.json"
    FINDING.save(path)
    fields = json.loads(path.read_text(encoding="utf-8"))
    damage(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"finding.json is not a finding .* repeat the reproduction"):
        Finding.load(path)


@pytest.mark.parametrize("content", ["[1]", "null", '"text"'])
def test_json_of_another_shape_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "finding.json").write_text(content, encoding="utf-8")
    with pytest.raises(FileDamaged, match="is not a finding"):
        Finding.load(tmp_path / "finding.json")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"what": ""}, "must name the figure"),
        ({"what": "x", "ours": math.nan}, r"ours \(=nan\) of 'x' must be finite"),
        ({"what": "x", "published": math.inf}, r"published \(=inf\)"),
        ({"what": "x", "tolerance": -1.0}, r"tolerance \(=-1.0\) of 'x'"),
    ],
)
def test_refuses_what_no_table_can_show(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Row(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (3.2958, "3.2958"),
        (0.0278, "0.0278"),
        (4.88e-3, "4.88e-03"),
        (1e-17, "1.00e-17"),
        (2e6, "2.00e+06"),
    ],
)
def test_no_figure_is_hidden_by_rounding(value: float, text: str) -> None:
    assert number(value) == text
