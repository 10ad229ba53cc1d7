"""`glassworks micro`, as a user types it."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from glassworks.cli.main import run


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_an_expression_it_is_micrograds_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["graph"], ["step"], ["step", "--html", "step.html"]):
        assert run(["micro", *command]) == 0
        out = capsys.readouterr().out
        assert "g = 24.70408\na.grad = 138.8338\nb.grad = 645.5773\n" in out
    assert ElementTree.parse("graph.svg").getroot().tag.endswith("svg")
    assert Path("step.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_expression_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["micro", "graph", "c = a * b; c + a", "a=2", "b=-3", "--out", "deep/er.svg"]) == 0
    assert capsys.readouterr().out == "y = -4\na.grad = -2\nb.grad = 2\nsaved deep/er.svg\n"
    assert ">c</text>" in Path("deep/er.svg").read_text(encoding="utf-8")


def test_what_is_no_svg_is_not_called_by_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["micro", "graph", "a*b", "a=2", "b=-3", "--out", "graph.png"]) == 2
    assert "--out (=graph.png) must end in .svg" in capsys.readouterr().err
    assert not Path("graph.png").exists()


def test_an_expression_may_begin_with_a_minus(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["micro", "step", "-a*b", "a=2", "b=3"]) == 0
    assert capsys.readouterr().out.endswith("y = -6\na.grad = -3\nb.grad = -2\n")


def test_the_demo_learns_and_draws(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["micro", "demo", "--steps", "30", "--out", "drawn"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:11]] == ["0", "3", "6", "9", "12", "15", "18", "21", "24", "27", "29"]
    assert lines[0] == "step    0  loss 0.90936  accuracy 50%"
    assert float(lines[10].split()[3]) < 0.3
    assert lines[11].startswith("a step took ")
    assert lines[12] == "saved drawn/moons.svg and drawn/graph.svg"
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["graph.svg", "moons.svg"]
    for path in Path("drawn").iterdir():
        ElementTree.parse(path)
    assert ">w1</text>" in Path("drawn/graph.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["graph", "a + b", "a=1"], "'b' has no value: add b=1.5"),
        (["graph", "a / b", "a=1", "b=0"], "'a / b' cannot be computed: 1.0 is divided by 0.0\n"),
        (["step", "c = a / b", "a=1", "b=0"], "'a / b' cannot be computed: 1.0 is divided by 0.0\n"),
        (["graph", "exp(a)", "a=1000"], "'exp(a)' cannot be computed: exp of 1000.0 is no finite real number\n"),
        (["step", "a ** b", "a=-1", "b=2"], "'a ** b' cannot be computed: -1.0 ** a value: only a positive base"),
        (["step", "a", "a=one"], "'a=one': 'one' is no number: write a=1.5"),
        (["step", "a", "a"], "'a' gives no name a number"),
        (["step", "a.__class__", "a=1"], "cannot stand in an expression"),
        (
            ["graph", "; ".join(["b = a + a", *["b += a"] * 200]), "a=1"],
            "the graph has 202 values, and no more than 200 are drawn",
        ),
        (["demo", "--steps", "0"], "steps (=0) must be 1 or more"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["micro", *command]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from glassworks.cli.main import run\n"
        "try: run(['micro', 'graph', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'numba') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "NAME=NUMBER" in done.stdout
    assert done.stderr == "[]\n"
