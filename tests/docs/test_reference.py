"""The API reference shows docstrings as they are written, shapes in signatures, and public names alone."""

import importlib.util
import re
import warnings
from pathlib import Path

import pytest

pytest.importorskip("pdoc")
ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
assert SPEC is not None
assert SPEC.loader is not None
NAMES = ("micro", "micro.engine", "models.gpt.fused", "optim.muon")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)


def test_a_layout_becomes_code_and_nothing_else_is_markup() -> None:
    shown = reference.to_markdown(
        "One <file>, and `a<b`.\n\nruns/<name>/\n  run.json    the record\n\nArgs:\n    x: a <number>."
    )
    assert "One &lt;file>, and `a<b`.\n\n    runs/<name>/\n      run.json    the record\n" in shown
    assert "- **x:**  a &lt;number>." in shown


def test_pages_show_shapes_and_no_private_names(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        page = reference.write(tmp_path, ["glassworks", *(f"glassworks.{name}" for name in NAMES)])
    assert page.is_file()
    muon = (tmp_path / "glassworks" / "optim" / "muon.html").read_text("utf-8")
    text = re.sub("<[^>]+>", "", muon)
    assert "def orthogonalise" in re.sub(r"\s+", " ", text)
    assert "Float[Tensor" in text
    assert 'id="_Product"' not in (tmp_path / "glassworks" / "models" / "gpt" / "fused.html").read_text("utf-8")
    assert "micro/engine.html" in (tmp_path / "glassworks" / "micro.html").read_text("utf-8")


def test_every_public_module_has_a_page() -> None:
    assert {"glassworks", "glassworks.train.fit", "glassworks.micro.engine"} <= set(reference.public())
    assert not [name for name in reference.public() if name.startswith("glassworks.cli.") or "__" in name]
