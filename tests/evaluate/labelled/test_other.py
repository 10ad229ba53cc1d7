import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glassworks.core.runs import Run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import prepare
from glassworks.evaluate.labelled.other import evaluate_other, part_of, source_like
from glassworks.evaluate.labelled.rivals import CLASSIFIERS
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.train.opening import OpenedLabelled


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.evaluate.labelled.rivals.CLASSIFIERS", CLASSIFIERS[:1])  # the others take seconds


def table_of(path: Path, rows: int, names: tuple[str, ...] = ("cat", "dog"), seed: int = 0) -> Path:
    """A table whose target says whether its number is above 0."""
    generator = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "size", "colour"])
        for _ in range(rows):
            size = float(generator.normal())
            writer.writerow([names[int(size > 0)], size, generator.choice(["red", "blue"])])
    return path


def of_a_run(tmp_path: Path, data: str, target: str | None = None, group: str | None = None) -> OpenedLabelled:
    """A network that was not trained, and the run it is of."""
    prepared = prepare(open_source(data, target=target, group=group), tmp_path / "made")
    config = VisionConfig("mlp", shape=prepared.shape, outputs=len(prepared.classes), width=8)
    run = Run.create(tmp_path / "run", kind=prepared.kind, recipe={"target": target, "group": group})
    return OpenedLabelled(
        model=make_model(config, mean=prepared.mean, std=prepared.std),
        path=tmp_path / "run",
        run=run,
        classes=prepared.classes,
        preprocessing=prepared.preprocessing,
        load=lambda: prepared,
    )


def test_another_table_is_read_as_the_networks_own(tmp_path: Path) -> None:
    opened = of_a_run(tmp_path, str(table_of(tmp_path / "a.csv", 200)), "what")
    other = table_of(tmp_path / "b.csv", 50, seed=1)
    result = evaluate_other(opened, str(other))
    assert result["examples"] == 50
    assert [rival["note"] for rival in result["rivals"]] == [
        f"fitted on {len(opened.data.train)} of {len(opened.data.train)} training examples"
    ]
    assert result["notes"] == []
    with part_of(source_like(opened, str(other))) as part:
        size = part.inputs(np.arange(50))[:, 0]
        np.testing.assert_array_equal(part.targets, (size > 0).astype(np.int64))
        with torch.no_grad():
            said = opened.model.eval()(torch.from_numpy(part.inputs(np.arange(50)))).argmax(1).numpy()
    assert result["metrics"]["accuracy"]["value"] == pytest.approx((said == part.targets).mean())


def test_groups_of_other_data_are_taken_as_wholes_where_they_are_said(tmp_path: Path) -> None:
    def grouped(name: str, rows: int, seed: int = 0) -> str:
        lines = table_of(tmp_path / name, rows, seed=seed).read_text("utf-8").splitlines()
        said = ["who", *(f"w{i // 5}" for i in range(rows))]
        (tmp_path / name).write_text("\n".join(f"{line},{who}" for line, who in zip(lines, said, strict=True)), "utf-8")
        return str(tmp_path / name)

    opened = of_a_run(tmp_path, grouped("a.csv", 200), "what", "who")
    result = evaluate_other(opened, grouped("b.csv", 50, seed=1))
    assert (result["examples"], result["units"], result["num_units"]) == (50, "groups", 10)
    assert evaluate_other(opened, str(table_of(tmp_path / "c.csv", 50)))["units"] == "examples"


def test_examples_that_were_trained_on_are_told(tmp_path: Path) -> None:
    own = str(table_of(tmp_path / "a.csv", 200))
    opened = of_a_run(tmp_path, own, "what")
    number = len(opened.data.train)
    assert evaluate_other(opened, own)["notes"] == [
        f"{number} of the 200 test examples are exactly in the training part, too: the score flatters"
    ]


def test_classes_that_the_network_does_not_know_are_refused_by_name(tmp_path: Path) -> None:
    opened = of_a_run(tmp_path, str(table_of(tmp_path / "a.csv", 200)), "what")
    other = table_of(tmp_path / "b.csv", 50, ("cat", "wolf"))
    with pytest.raises(ValueError, match=r"b.csv row \d+: the target \(='wolf'\) is none of the 2 classes"):
        evaluate_other(opened, str(other))
    with pytest.raises(
        ValueError, match=r"has the class 'inner', which is none of the network's: lower, upper|upper, lower"
    ):
        evaluate_other(of_a_run(tmp_path / "toy", "moons:100"), "circles:100")


def test_a_table_of_one_class_can_be_measured_on(tmp_path: Path) -> None:
    opened = of_a_run(tmp_path, str(table_of(tmp_path / "a.csv", 200)), "what")
    result = evaluate_other(opened, str(table_of(tmp_path / "b.csv", 40, ("dog", "dog"))))
    assert any("no test example of cat" in note for note in result["notes"])


def test_images_are_brought_to_the_networks_size(tmp_path: Path) -> None:
    opened = of_a_run(tmp_path, "digits")
    for name, level in (("3", 0), ("7", 255)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (20 + i, 30), (level, level, level)).save(tmp_path / "photos" / name / f"{i}.png")
    result = evaluate_other(opened, str(tmp_path / "photos"))
    assert result["examples"] == 6
    assert [row["examples"] for row in result["per_class"]] == [0, 0, 0, 3, 0, 0, 0, 3, 0, 0]
    assert {one["name"] for one in result["mistakes"]} <= {f"{c}/{i}.png" for c in "37" for i in range(3)}


def test_a_model_folder_is_measured_without_rivals(tmp_path: Path) -> None:
    of_run = of_a_run(tmp_path, "moons:100")
    opened = OpenedLabelled(
        model=of_run.model, path=tmp_path, classes=of_run.classes, preprocessing=of_run.preprocessing
    )
    result = evaluate_other(opened, "moons:60")
    assert (result["examples"], result["rivals"], result["calibration"]["temperature"]) == (60, [], None)
    assert "no rival" in result["verdict"]


def test_refuses_data_of_another_kind_or_that_are_not_there(tmp_path: Path) -> None:
    of_images, of_points = of_a_run(tmp_path / "a", "digits"), of_a_run(tmp_path / "b", "moons:100")
    with pytest.raises(ValueError, match="is not images"):
        evaluate_other(of_images, "moons")
    with pytest.raises(ValueError, match="is not a table"):
        evaluate_other(of_points, "digits")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate_other(of_images, "nowhere")
    (tmp_path / "words.txt").write_text("words", encoding="utf-8")
    with pytest.raises(ValueError, match="is not images"):
        evaluate_other(of_images, str(tmp_path / "words.txt"))


def test_what_a_source_says_is_for_a_test_is_measured_on_alone(tmp_path: Path) -> None:
    for split, number in (("train", 8), ("test", 3)):
        for name in ("3", "7"):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                Image.new("L", (8, 8), 20 * i).save(folder / f"{i}.png")
    assert evaluate_other(of_a_run(tmp_path, "digits"), str(tmp_path / "photos"))["examples"] == 6
