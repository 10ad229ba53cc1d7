"""What a network says of files: the same as of the inputs that come of them, in the order in which they are given."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.vision.folders import CLASSES, image_folder, table_folder

from glassworks.classify.predict import predict_files
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import read_json, write_json
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.files import load_vision, save_vision
from glassworks.train.opening import OpenedLabelled, open_labelled_model


def paint(file: Path, level: int, size: tuple[int, int] = (8, 8), mode: str = "L") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level if mode == "L" else (level,) * 3).save(file)
    return file


@pytest.fixture
def opened(tmp_path: Path) -> OpenedLabelled:
    image_folder(tmp_path / "model")
    return open_labelled_model(tmp_path / "model")


def test_a_prediction_is_the_networks_own(opened: OpenedLabelled, tmp_path: Path) -> None:
    file = paint(tmp_path / "a.png", 200)
    (said,) = predict_files(opened, [file])
    with torch.no_grad():
        expected = opened.model(torch.full((1, 1, 8, 8), 200 / 255)).softmax(1)[0]
    assert said.name == str(file)
    assert dict(said.probabilities) == pytest.approx(dict(zip(CLASSES, expected.tolist(), strict=True)), abs=1e-6)
    shares = [share for _, share in said.probabilities]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert said.value is None


def test_what_was_opened_is_a_line(opened: OpenedLabelled, tmp_path: Path) -> None:
    assert repr(opened).startswith(f"OpenedLabelled('{tmp_path / 'model'}': ")
    assert repr(opened).endswith(f"{sum(p.numel() for p in opened.model.parameters()):,} parameters)")


def test_files_are_answered_in_their_order_and_batches_make_no_difference(
    opened: OpenedLabelled, tmp_path: Path
) -> None:
    files = [paint(tmp_path / f"{i}.png", level) for i, level in enumerate([250, 10, 130, 90, 255])]
    some = list(predict_files(opened, files, batch_size=2))
    assert [prediction.name for prediction in some] == list(map(str, files))
    assert [prediction.probabilities[0][0] for prediction in some] == ["bright", "dark", "bright", "dark", "bright"]
    for one, other in zip(some, predict_files(opened, files), strict=True):
        assert dict(one.probabilities) == pytest.approx(dict(other.probabilities), abs=1e-6)


def test_an_image_of_another_size_and_mode_becomes_one_as_in_training(opened: OpenedLabelled, tmp_path: Path) -> None:
    small, large = paint(tmp_path / "small.png", 180), paint(tmp_path / "large.jpg", 180, (37, 80), "RGB")
    first, second = predict_files(opened, [small, large])
    assert dict(first.probabilities) == pytest.approx(dict(second.probabilities), abs=0.01)


def test_a_folder_stands_for_its_images_and_a_glob_for_those_that_it_matches(
    opened: OpenedLabelled, tmp_path: Path
) -> None:
    for name in ("b/2.png", "a/1.PNG", "a/deep/3.jpg", ".hidden/4.png", "a/.5.png"):
        paint(tmp_path / "photos" / name, 100)
    (tmp_path / "photos" / "notes.txt").write_text("no image", encoding="utf-8")
    folder = tmp_path / "photos"
    inside = [Path(said.name).relative_to(folder).as_posix() for said in predict_files(opened, [folder])]
    assert inside == ["a/1.PNG", "a/deep/3.jpg", "b/2.png"]
    matched = [said.name for said in predict_files(opened, [f"{folder}/*/?.*"])]
    assert matched == [str(folder / "a/1.PNG"), str(folder / "b/2.png")]


def test_the_images_of_an_idx_file_need_no_labels(opened: OpenedLabelled, tmp_path: Path) -> None:
    pixels = np.stack([np.full((5, 5), level, np.uint8) for level in (240, 20)])
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 5]) + pixels.tobytes()))
    first, second = predict_files(opened, [file])
    assert (first.name, first.probabilities[0][0]) == (f"{file} image 0", "bright")
    assert (second.name, second.probabilities[0][0]) == (f"{file} image 1", "dark")


def test_rows_of_a_table_are_encoded_as_in_training(tmp_path: Path) -> None:
    table_folder(tmp_path / "model")
    (tmp_path / "rows.csv").write_text("colour,extra,length\nred,1,3\nblue,2,\ngreen,3,1.5\n", encoding="utf-8")
    said = list(predict_files(open_labelled_model(tmp_path / "model"), [tmp_path / "rows.csv"]))
    assert [prediction.name for prediction in said] == [f"rows.csv row {n}" for n in (1, 2, 3)]
    assert [prediction.value for prediction in said] == pytest.approx([300.0, 205.0, 150.0])
    assert all(prediction.probabilities == () for prediction in said)


def test_a_network_with_batch_norms_says_the_same_and_keeps_its_mode(tmp_path: Path) -> None:
    model = make_model(VisionConfig("small_vgg", (1, 8, 8), 3, width=8))
    preprocessing = {"kind": "images", "size": [8, 8], "colour": "grey"}
    save_vision(model, tmp_path / "model", classes=CLASSES, preprocessing=preprocessing)
    opened = open_labelled_model(tmp_path / "model")
    opened.model.train()
    (said,) = predict_files(opened, [paint(tmp_path / "a.png", 70)])
    assert opened.model.training
    with torch.no_grad():
        expected = load_vision(tmp_path / "model").model.eval()(torch.full((1, 1, 8, 8), 70 / 255)).softmax(1)[0]
    assert dict(said.probabilities) == pytest.approx(dict(zip(CLASSES, expected.tolist(), strict=True)), abs=1e-6)


# ----------------------------------------------------------------------------------------------------------------------
# What goes wrong


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    """A good file, a damaged one, one that is not there, a good one."""
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return [paint(tmp_path / "a.png", 1), tmp_path / "bad.png", tmp_path / "none.png", paint(tmp_path / "b.png", 2)]


def test_the_first_file_that_cannot_be_read_raises(opened: OpenedLabelled, mixed: list[Path]) -> None:
    with pytest.raises(FileDamaged, match=r"bad\.png"):
        list(predict_files(opened, mixed))
    with pytest.raises(FileNotFoundError):
        list(predict_files(opened, mixed[2:]))


def test_who_asks_for_it_is_told_and_the_others_follow(opened: OpenedLabelled, mixed: list[Path]) -> None:
    told: list[Exception] = []
    said = list(predict_files(opened, mixed, broken=told.append))
    assert [Path(prediction.name).name for prediction in said] == ["a.png", "b.png"]
    assert [type(error) for error in told] == [FileDamaged, FileNotFoundError]


def test_of_a_table_that_breaks_off_the_rows_before_are_answered(tmp_path: Path) -> None:
    table_folder(tmp_path / "model")
    opened = open_labelled_model(tmp_path / "model")
    (tmp_path / "lacking.csv").write_text("length,other\n1,2\n", encoding="utf-8")
    (tmp_path / "good.csv").write_text("length,colour\n1,red\n", encoding="utf-8")
    told: list[Exception] = []
    said = list(predict_files(opened, [tmp_path / "lacking.csv", tmp_path / "good.csv"], broken=told.append))
    assert [(one.name, one.value) for one in said] == [("good.csv row 1", pytest.approx(100.0))]
    assert "lacking.csv has no column that the model reads: colour" in str(told[0])


def test_folders_and_globs_without_files_are_refused(opened: OpenedLabelled, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty has no file with one of the suffixes \.png"):
        list(predict_files(opened, [tmp_path / "empty"]))
    with pytest.raises(FileNotFoundError, match="no file is called so"):
        list(predict_files(opened, [f"{tmp_path}/*.png"]))


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        ({"size": [9, 9], "colour": "grey"}, "makes 1 × 9 × 9 pixels, and the network reads 1 × 8 × 8"),
        ({"size": [8, 8], "colour": "rgb"}, "makes 3 × 8 × 8 pixels"),
        ({"colour": "grey"}, "does not say 'size'"),
        ({"size": [8, 8], "colour": "auto"}, "does not say 'auto'"),
        ({"size": 8, "colour": "grey"}, "its preprocessing does not say"),
    ],
)
def test_preprocessing_that_is_not_the_models_is_damage(
    tmp_path: Path, preprocessing: dict[str, object], message: str
) -> None:
    image_folder(tmp_path / "model")
    (tmp_path / "model" / "checksums.json").unlink()
    write_json(tmp_path / "model" / "preprocessor_config.json", {"glassworks": preprocessing})
    with pytest.raises(FileDamaged, match=message):
        list(predict_files(open_labelled_model(tmp_path / "model"), [paint(tmp_path / "a.png", 1)]))


def test_an_encoding_with_other_features_is_damage(tmp_path: Path) -> None:
    table_folder(tmp_path / "model")
    file = tmp_path / "model" / "preprocessor_config.json"
    values = read_json(file)
    values["glassworks"]["encoding"]["columns"].pop()
    write_json(file, values)
    (tmp_path / "model" / "checksums.json").unlink()
    with pytest.raises(FileDamaged, match="makes 1 features, and the network reads 3"):
        list(predict_files(open_labelled_model(tmp_path / "model"), []))


def test_weights_that_have_diverged_are_said(opened: OpenedLabelled, tmp_path: Path) -> None:
    with torch.no_grad():
        opened.model.head.bias.fill_(float("nan"))
    with pytest.raises(RunError, match=r"says of .*a\.png what is not finite"):
        list(predict_files(opened, [paint(tmp_path / "a.png", 1)]))
