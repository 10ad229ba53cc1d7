"""`predict` and `export`, as a user types them, of models' folders."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.models.vision.folders import image_folder, table_folder

from glassworks.cli.main import run
from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    image_folder(tmp_path / "model")
    for name, level in (("white.png", 255), ("black.png", 0)):
        Image.new("L", (8, 8), level).save(tmp_path / name)
    return tmp_path


def test_a_line_a_file_with_the_likeliest_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "model", "white.png", "black.png", "--top", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in out] == ["white.png", "black.png"]
    assert out[0].startswith("white.png  bright 1.000  naïve 0.000")
    assert out[1].startswith("black.png  dark 1.000")


def test_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "model", "white.png", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["class"]) == ("white.png", "bright")
    assert list(said["probabilities"]) == ["bright", "naïve", "dark"]
    assert said["probability"] == said["probabilities"]["bright"]


def test_a_number_is_said_in_its_unit(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table_folder(home / "numbers")
    (home / "rows.csv").write_text("length,colour\n3,blue\n", encoding="utf-8")
    assert run(["predict", "numbers", "rows.csv"]) == 0
    assert run(["predict", "numbers", "rows.csv", "--json"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "rows.csv row 1  305"
    assert json.loads(second) == {"file": "rows.csv row 1", "value": pytest.approx(305)}


def test_values_that_the_network_cannot_take_are_said_by_row_and_counted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table_folder(home / "numbers")
    rows = "length,colour\n3,blue\nabc,purple\n,\n?,red\nlong,red\n", "length,colour\n1,red\n"
    for name, content in zip(("new.csv", "good.csv"), rows, strict=True):
        (home / name).write_text(content, encoding="utf-8")
    assert run(["predict", "numbers", "new.csv", "good.csv"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6
    assert err.splitlines() == [
        "glassworks: new.csv row 2: length 'abc' is no number and counts as missing, as 1 more",
        "glassworks: new.csv row 2: colour 'purple' was never seen",
    ]


def test_a_broken_file_is_one_line_and_the_others_are_answered(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run(["predict", "model", "bad.png", "none.png", "white.png"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("white.png  bright")
    assert len(out.splitlines()) == 1
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("glassworks: ") for line in lines)
    assert "bad.png" in lines[0]
    assert lines[1] == "glassworks: none.png: No such file or directory"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "model"], "predict needs files"),
        (["predict", "model", "white.png", "--top", "0"], "--top (=0) must be at least 1"),
        (["predict", "nowhere", "white.png"], "nowhere is not a run"),
        (["predict", "gpt", "white.png"], "gpt is a language model: it has no network for images or tables"),
        (["export", "gpt"], "gpt is a language model: it has no network for images or tables"),
        (["export", "nowhere"], "nowhere is not a run"),
        (["export", "model", "--out", "."], "Is a directory; choose another name"),
        (["sample", "model"], "model is a network for images or tables: it has no GPT with a tokenizer"),
    ],
)
def test_a_mistake_is_one_line(home: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "gpt" in words:
        byte_tokenizer().save(home / "tokenizer.json")
        save_model(GPT(GPTConfig("nanochat", 257, 8, 1, 1, 8)), home / "gpt", home / "tokenizer.json")
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err


def test_a_network_is_exported_beside_its_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "model"]) == 0
    out, err = capsys.readouterr()
    assert out == "model/model.onnx\n"
    assert "onnxruntime's outputs differ from torch's by at most" in err
    assert (home / "model" / "model.onnx").stat().st_size > 500
    assert run(["predict", "model", "white.png"]) == 0  # the folder is as good as before


def test_missing_packages_are_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("glassworks.models.vision.onnx.find_spec", lambda name: None)
    assert run(["export", "model", "--out", "x.onnx"]) == 2
    assert "-m pip install onnx onnxscript onnxruntime" in capsys.readouterr().err
    assert not Path("x.onnx").exists()
