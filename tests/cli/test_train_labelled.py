"""`glassworks train` on images and tables: the same command as for text, with flags of their own."""

import json
import re
from pathlib import Path

import pytest
import torch

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.main import run
from glassworks.cli.training.kind import kind_asked_for
from glassworks.core.runs import Run
from glassworks.data.labelled.kinds import kind_of
from glassworks.evaluate.labelled.rivals import CLASSIFIERS

DIGITS = ["--data", "digits", "--model.width", "8"]


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("glassworks.evaluate.labelled.rivals.CLASSIFIERS", CLASSIFIERS[:1])  # the others take seconds


def helped(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        run([*words, "--help"])
    return capsys.readouterr().out


def test_one_command_trains_images_and_says_what_it_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", *DIGITS, "--steps", "6", "--name", "a"]) == 0
    out, err = capsys.readouterr()
    record = json.loads((home / "runs/a/run.json").read_text(encoding="utf-8"))
    numbers = record["examples"]
    assert record["kind"] == "images"
    said = [line.strip() for line in err.splitlines()]
    for line in (
        kind_of("digits").why,
        f"train on   {numbers['train']:,} examples",
        f"held out   {numbers['validation']} for validation on the way, {numbers['test']} for the test at the end",
        "classes    10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "plan       6 steps of 64 examples: 384 in all",
    ):
        assert line in said
    assert any(re.fullmatch(r"network    small_vgg, [\d,]+ parameters: 1 × 8 × 8 pixels .*", x) for x in said)
    assert any(re.match(r"step 6: of the validation split, loss [\d.]+, accuracy [\d.]+", line) for line in said)
    assert Run(home / "runs/a").is_trained
    assert "Traceback" not in err
    result = json.loads((home / "runs/a/evals/test.json").read_text(encoding="utf-8"))
    assert out.startswith(result["verdict"])
    assert "\n\nreport:    runs/a/report.html\npredict:   glassworks predict runs/a FILES\n" in out
    assert run(["eval", "a"]) == 0
    assert result["verdict"] in capsys.readouterr().out
    assert run(["runs", "a"]) == 0
    accuracy = result["metrics"]["accuracy"]
    said = f"{100 * accuracy['value']:.1f} %, {100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f}"
    assert said in capsys.readouterr().out
    assert run(["sample", "a"]) == 2
    assert "a is a run of images: sample cannot use it, but predict, eval" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["hebbian", "extreme-learning-machine"])
def test_rules_train_a_network_of_convolutions_by_the_command(name: str, home: Path) -> None:
    assert run(["train", *DIGITS, "--optimizer", name, "--steps", "12", "--name", name, "--quiet"]) == 0
    result = json.loads((home / "runs" / name / "evals/test.json").read_text(encoding="utf-8"))
    accuracy, loss = (result["metrics"][measure]["value"] for measure in ("accuracy", "log_loss"))
    assert accuracy > (0.6 if name == "extreme-learning-machine" else 0.12)
    assert loss < (1.2 if name == "extreme-learning-machine" else 2.5)


def test_noise_in_a_network_is_of_the_recipes_seed() -> None:
    assert run(["train", "--data", "moons:200", "--steps", "2", "--name", "seeded", "--seed", "7", "--quiet"]) == 0
    assert torch.initial_seed() == 7


def test_a_table_has_a_network_of_its_own_without_being_told(home: Path) -> None:
    assert run(["train", "--data", "moons:200", "--steps", "4", "--name", "table", "--quiet"]) == 0
    record = Run(home / "runs/table").record
    assert record["kind"] == "table"
    assert record["recipe"]["model"]["architecture"] == "mlp"


def test_a_table_without_a_target_says_how_it_would_be_one(home: Path) -> None:
    (home / "flats.csv").write_text("size,rent\n1,2\n", encoding="utf-8")
    kind, why = kind_asked_for(Arguments(["--data", "flats.csv"]), {})
    assert (kind, why) == (
        "text",
        "flats.csv: a table of 2 columns, as plain text; for its columns say --target COLUMN",
    )


def test_it_goes_on_where_it_stopped_and_says_when_it_is_finished(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", *DIGITS, "--steps", "4", "--name", "b", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["train", "--resume", "b"]) == 0
    assert capsys.readouterr().out.startswith("runs/b is finished already, with all of its 4 steps\n")
    Path("runs/b/model/config.json").unlink()
    assert run(["train", "--resume", "b"]) == 0
    assert Run(Path("runs/b")).is_trained
    assert run(["train", "--start-from", "b", "--data", "stdlib"]) == 2
    assert "b is a run of images: train --start-from cannot use it" in capsys.readouterr().err


def test_help_shows_the_flags_of_what_the_data_are(capsys: pytest.CaptureFixture[str]) -> None:
    text, images, table = (helped(["train", *words], capsys) for words in ([], DIGITS, ["--data", "moons"]))
    assert "glassworks train --data digits --help" in " ".join(text.split())
    assert "--tokenizer" in text
    assert "--augment.flip" not in text
    for labelled in (images, table):
        assert "--augment.flip" in labelled
        assert "--tokenizer" not in labelled


def test_a_recipe_that_only_labelled_data_have_is_one_of_these(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "own.toml").write_text('data = "not-here"\n[augment]\nflip = true\n', encoding="utf-8")
    assert "--augment.flip" in helped(["train", "own.toml"], capsys)
    assert run(["train", "own.toml", "--name", "nowhere"]) == 2
    assert not (home / "runs/nowhere").exists()


def test_who_gives_a_table_without_a_target_is_told_so_before_anything_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "cls.csv").write_text("age,kind\n3,a\n4,b\n", encoding="utf-8")
    assert run(["train", "--data", "cls.csv", "--name", "wrong"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "cls.csv: a table of 2 columns, as plain text; for its columns say --target COLUMN" in first
    assert "--data (='cls.csv') holds one document" in second


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tokenizer", "bytes"], "there is no flag --tokenizer: glassworks train --data digits --help lists them"),
        (
            ["--data", "moons", "xor", "--target", "y"],
            "--target (='y') is of one table, and data names 2: put them into one file",
        ),
        (["--model.width", "9", "--model.norm", "group"], "--model.width (=9) must be a multiple of 8"),
        (["--validation", "0"], "--validation (=0.0) is a share of the examples"),
        (["--class-weights", "1", "2"], "--class-weights (2 numbers) must be one for each of the 10 classes"),
        (["--class-weights", "1", "two"], "--class-weights (='1 two') must be"),
        (["--model.architecture", "tiny_vgg"], "images of 8 × 8 are too small for tiny_vgg"),
        (["--model.architecture", "lenet"], "one of 'lenet5', 'mlp', 'resnet20', 'small_vgg', 'tiny_vgg', 'vit'\n"),
        (["--target", "x"], "--target (='x') is for tables"),
        (["--augment.flip", "--augment.turn", "-3"], "--augment.turn (=-3.0) must be 0 (off) or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_clear_line_and_leaves_nothing(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "--data", "digits", "--name", "wrong", *words]) == 2
    err = capsys.readouterr().err
    assert message in err.splitlines(keepends=True)[-1]
    assert not Path("runs/wrong").exists()
