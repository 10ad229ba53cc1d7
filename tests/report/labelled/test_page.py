"""The page of a run on labelled data, from a short training to its report and its look."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.report.test_run_page import Reader

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start, train
from glassworks.cli.main import run as command
from glassworks.core.kinds import found
from glassworks.core.runs import Run
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.models.vision.config import VisionConfig
from glassworks.report.run_page import write_report
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_run

PICTURES = LabelledRecipe(data="digits", model=VisionConfig("small_vgg", width=8), steps=30, device="cpu")
POINTS = LabelledRecipe(data="moons:300", model=VisionConfig(width=16), steps=60, device="cpu")


def whole(path: Path, recipe: LabelledRecipe) -> Run:
    run = start(path, recipe, ["glassworks", "train", "--data", recipe.data])
    assert train(run)
    for measure in run.kind.measures.values():
        found(measure.by)(run)
    return run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return whole(tmp_path_factory.mktemp("pictures") / "runs" / "a", PICTURES)


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return whole(tmp_path_factory.mktemp("points") / "runs" / "a", POINTS)


def titles(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_page_of_images_shows_its_score_its_mistakes_and_what_it_sees(pictures: Run) -> None:
    page = (pictures.path / "report.html").read_text(encoding="utf-8")
    score = pictures.read_eval("test")
    assert score is not None
    assert score["verdict"] in Reader(page).text
    assert titles(page) == [
        "How it learned", "Against its rivals", "Class by class", "How far its probabilities can be believed",
        "What it says", "Its mistakes", "What it sees", "How to repeat it",
    ]  # fmt: skip
    for rival in score["rivals"]:
        assert rival["name"] in page
    wrong = score["mistakes"][0]
    assert (
        f"{wrong['predicted']} {100 * wrong['probability']:.0f} %, in truth {wrong['true']} ({wrong['name']})" in page
    )
    assert page.count("<img") > 100
    assert 'class="missing"' not in page
    assert pictures.unmade == []


def test_a_page_of_a_table_has_no_pictures_and_names_its_mistakes(points: Run) -> None:
    page = (points.path / "report.html").read_text(encoding="utf-8")
    assert "What it sees" not in titles(page)
    assert "<img" not in page
    score = points.read_eval("test")
    assert score is not None
    for row in score["mistakes"]:
        assert row["name"] in page


def test_the_same_folder_gives_the_same_page(pictures: Run) -> None:
    before = (pictures.path / "report.html").read_bytes()
    assert write_report(pictures).read_bytes() == before


def test_of_what_is_absent_the_page_says_which_command_makes_it(pictures: Run, tmp_path: Path) -> None:
    shutil.copytree(pictures.path, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "traces")
    shutil.rmtree(tmp_path / "bare" / "evals")
    page = write_report(Run(tmp_path / "bare")).read_text(encoding="utf-8")
    assert "Not compared with its rivals yet." in page
    assert page.count("glassworks eval") == 4
    assert page.count("glassworks look") == 3


def test_a_damaged_score_is_named_and_no_page_fails(pictures: Run, tmp_path: Path) -> None:
    shutil.copytree(pictures.path, tmp_path / "odd")
    file = tmp_path / "odd" / "evals" / "test.json"
    for odd in (
        "{",
        "[]",
        "{}",
        json.dumps({"task": 3, "metrics": [], "rivals": [1], "mistakes": 2, "confusion": [[]]}),
    ):
        file.write_text(odd, encoding="utf-8")
        assert "<h2>Its mistakes</h2>" in write_report(Run(tmp_path / "odd")).read_text(encoding="utf-8")


def test_look_and_report_read_images_by_name(
    pictures: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pictures.path.parents[1])
    assert command(["look", "a"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert "What single feature maps respond to" in page
    assert "SmallVGG" in page
    for words, said in (
        (["look", "a", "--text", "x"], "--text (=x) goes with a network that reads text, and a reads images"),
        (["look", "a", "--method", "attention"], "looks into networks that read text, and this one reads images"),
        (["look", "a", "--image", "none.png"], "none.png"),
        (["report", "a", "--text", "x"], "--text (='x') is for runs of text, and a is a run of images"),
    ):
        assert command(words) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_look_asks_of_a_table_why_it_trains(
    points: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(points.path.parents[1])
    assert command(["look", "a"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert "Not drawn:" not in page
    asked = [name for name, method in METHODS.items() if method.wing == "landscapes"]
    assert re.findall(r'<section id="(\w+)">', page) == asked
    opened = open_run(points)
    part = opened.data.test
    with torch.no_grad():
        said_of_all = opened.model(torch.from_numpy(part.inputs(range(len(part)))))
    loss = float(torch.nn.functional.cross_entropy(said_of_all, torch.from_numpy(np.array(part.targets))))
    assert Trace.load(points.path / "traces" / "along_step").meta["loss_here"] == pytest.approx(loss, rel=1e-5)
    for words, said in (
        (["look", "a", "--method", "attention"], "and this one reads rows of a table"),
        (["look", "a", "--image", "x.png"], "--image (=x.png) goes with other networks"),
    ):
        assert command(words) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_optimizers_move_over_the_loss_of_a_table_and_refuse_a_run_in_their_own_name(
    points: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(points.path.parents[1])
    out = str(tmp_path / "page.html")
    assert command(["optimizers", "snes", "--on", "a", "--generations", "2", "--out", out]) == 0
    assert "snes: lowest loss" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(r"On the mean loss of the run a on \d+ rows of its test split \(nats an example\), along", page)
    assert "loss of a network" not in page
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    (pairs / "run.json").write_text(json.dumps({"kind": "pairs"}), encoding="utf-8")
    assert command(["optimizers", "snes", "--on", str(pairs)]) == 2
    assert "is a run of pairs of texts: optimizers --on cannot use it, but predict" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["mlp", "lenet5"])
def test_a_page_says_why_a_network_without_maps_is_not_looked_into(architecture: str, tmp_path: Path) -> None:
    model = VisionConfig(architecture, width=None if architecture == "lenet5" else 16)  # type: ignore[arg-type]
    run = whole(tmp_path / "a", LabelledRecipe(data="digits", model=model, steps=4, device="cpu"))
    page = Reader((run.path / "report.html").read_text(encoding="utf-8")).text
    assert page.count("Not drawn: ") >= 1
    assert run.unmade == []


def test_images_whose_number_is_said_have_a_page_and_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    lines = ["file,target"]
    for i in range(120):
        level = int(rng.integers(0, 200))
        Image.fromarray(rng.integers(level, level + 50, (10, 10), np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{level / 7:.3f}")
    (tmp_path / "levels.csv").write_text("\n".join(lines), encoding="utf-8")
    recipe = LabelledRecipe(
        data=str(tmp_path / "levels.csv"),
        target="target",
        model=VisionConfig("small_vgg", width=8),
        steps=8,
        device="cpu",
    )
    run = whole(tmp_path / "runs" / "a", recipe)
    page = Reader((run.path / "report.html").read_text(encoding="utf-8")).text
    assert "RMSE, test" in page
    assert "in truth" in page
    monkeypatch.chdir(tmp_path)
    assert command(["look", "a", "--method", "integrated_gradients,projections,occlusion,invariance,neighbours"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert page.count("Not drawn: this asks for the classes of images, and the network says a number of each") == 3
