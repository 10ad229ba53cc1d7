import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.models.vision.networks import CONFIGS, inputs, trained

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json, sha256, write_json
from glassworks.models.io import read_tensors, write_tensors
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.files import load_vision, save_vision
from glassworks.models.vision.layout import is_vision

CLASSES = ("cat", "dog", "neither", "both")
PREPROCESSING = {"kind": "images", "size": [8, 8], "colour": "grey"}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_network_comes_back_to_the_last_bit(config: VisionConfig, tmp_path: Path) -> None:
    model = trained(config)
    save_vision(model, tmp_path / "model", classes=CLASSES, preprocessing=PREPROCESSING)
    loaded = load_vision(tmp_path / "model")
    assert (loaded.config, loaded.classes, loaded.preprocessing) == (config, CLASSES, PREPROCESSING)
    ours, theirs = model.state_dict(), loaded.model.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    with torch.no_grad():
        assert torch.equal(model(inputs(config)), loaded.model.eval()(inputs(config)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = VisionConfig("small_vgg", (1, 8, 8), 4, width=8)
    save_vision(trained(config), tmp_path / "model", classes=CLASSES, preprocessing=PREPROCESSING)
    return tmp_path / "model"


def test_the_folder_is_laid_out_as_hugging_faces(folder: Path) -> None:
    config, preprocessor = read_json(folder / "config.json"), read_json(folder / "preprocessor_config.json")
    assert config["architectures"] == ["SmallVGG"]
    assert config["id2label"] == {"0": "cat", "1": "dog", "2": "neither", "3": "both"}
    assert config["label2id"]["neither"] == 2
    assert preprocessor["size"] == {"height": 8, "width": 8}
    assert preprocessor["do_normalize"] is False  # the network does
    assert {"normalise.mean", "head.weight"} < set(read_tensors(folder / "model.safetensors"))
    assert is_vision(folder)


def test_a_number_has_no_classes(tmp_path: Path) -> None:
    config = VisionConfig("mlp", (3,), 1, "number")
    model = make_model(config, target_mean=7.0, target_std=2.0)
    save_vision(model, tmp_path / "m", classes=(), preprocessing={})
    loaded = load_vision(tmp_path / "m")
    assert (loaded.classes, loaded.config.task) == ((), "number")
    assert torch.equal(loaded.model(torch.ones(1, 3)), model(torch.ones(1, 3)))


def test_a_compiled_network_is_saved_as_it_is(tmp_path: Path) -> None:
    model = make_model(VisionConfig("mlp", (3,), 4))
    save_vision(torch.compile(model, backend="eager"), tmp_path / "m", classes=CLASSES, preprocessing={})
    assert torch.equal(load_vision(tmp_path / "m").model.head.weight, model.head.weight)


def test_other_modules_and_classes_that_are_not_the_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model \(=Linear\) must be one of ours"):
        save_vision(torch.nn.Linear(2, 2), tmp_path / "m", classes=CLASSES, preprocessing={})
    model = make_model(VisionConfig("mlp", (3,), 3))
    with pytest.raises(ValueError, match=r"classes \(4\) must be as many as the model's outputs \(=3\)"):
        save_vision(model, tmp_path / "m", classes=CLASSES, preprocessing={})
    assert not list(tmp_path.iterdir())


def test_what_is_no_folder_of_ours_is_no_vision_folder(tmp_path: Path) -> None:
    assert not is_vision(tmp_path)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    assert not is_vision(tmp_path)
    write_json(tmp_path / "config.json", {"model_type": "gpt2"})
    assert not is_vision(tmp_path)
    with pytest.raises(ValueError, match="is no model folder: it has no config.json"):
        load_vision(tmp_path / "nowhere")


# ----------------------------------------------------------------------------------------------------------------------
# Damage


def reseal(folder: Path) -> None:
    """Write checksums of what is there, so that what follows them is tested."""
    files = [file for file in folder.iterdir() if file.name != "checksums.json"]
    write_json(folder / "checksums.json", {file.name: sha256(file) for file in files})


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
@pytest.mark.parametrize("how", ["cut", "gone", "changed"])
def test_a_file_that_is_not_as_it_was_written_is_named(folder: Path, name: str, how: str) -> None:
    file = folder / name
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-20] if how == "cut" else content.replace(b"e", b"f", 1))
    kind = ValueError if (name, how) == ("config.json", "gone") else FileDamaged
    with pytest.raises(kind, match=name) as caught:
        load_vision(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"glassworks": {"architecture": "vgg", "shape": [1, 8, 8], "outputs": 4}}, "architecture"),
        ({"glassworks": {"architecture": "small_vgg", "shape": [1, 8, 8], "outputs": 4, "width": "x"}}, "width"),
        ({"glassworks": {"architecture": "small_vgg", "shape": [1, 8, 8], "outputs": 4, "colour": 1}}, "colour"),
        ({"glassworks": {"architecture": "small_vgg", "outputs": 4}}, r"shape \(=\(\)\) is not decided"),
        ({"glassworks": {"architecture": "small_vgg", "shape": [1, 8, 8], "outputs": 4, "width": 16}}, "block1.conv1"),
        ({"glassworks": {"architecture": "vit", "shape": [1, 8, 8], "outputs": 4, "depth": 10**9}}, "depth of"),
        ({"glassworks": {"architecture": "mlp", "shape": [10**9], "outputs": 4, "width": 10**9}}, "config.json"),
        ({"glassworks": []}, "glassworks"),
        ({"id2label": {"0": "cat"}}, "id2label must name the outputs 0 to 3"),
        ({"id2label": {"0": "cat", "1": 2, "2": "x", "3": "y"}}, "id2label"),
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_damage(
    folder: Path, change: dict[str, object], message: str
) -> None:
    write_json(folder / "config.json", read_json(folder / "config.json") | change)
    reseal(folder)
    with pytest.raises(FileDamaged, match=message) as caught:
        load_vision(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_lack_a_tensor_or_have_one_too_many_are_damage(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = read_tensors(file)
    for changed in (
        {name: t for name, t in tensors.items() if name != "head.bias"},
        tensors | {"spare.weight": torch.zeros(2)},
        tensors | {"head.bias": torch.zeros(5)},
    ):
        write_tensors(changed, file)
        reseal(folder)
        with pytest.raises(FileDamaged, match=r"tensor (head.bias|spare.weight)"):
            load_vision(folder)


def test_a_folder_is_replaced_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(TypeError):
        save_vision(load_vision(folder).model, folder, classes=CLASSES, preprocessing={"bad": {1, 2}})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_can_be_copied(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert load_vision(tmp_path / "copy").classes == CLASSES
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["glassworks"]["width"] == 8
