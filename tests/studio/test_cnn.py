"""What the page of a network is told equals what torch computes, at every step; bad input is one line."""

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from glassworks.classify.history import file_of
from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.remembered import network_at, remembered_steps
from glassworks.classify.run import start, train
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.runs import Run
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.images.attribution.cams import cam_map
from glassworks.models.io import write_tensors
from glassworks.models.vision.config import VisionConfig
from glassworks.studio.networks.network import network
from glassworks.studio.questions.cnn import about, examples, explain, forward, page
from glassworks.studio.studio import Studio
from glassworks.studio.wire import pack
from glassworks.train.opening import open_labelled_model


def digits_run(path: Path) -> Run:
    """A run of a few steps of a small VGG on scikit-learn's digits."""
    recipe = LabelledRecipe(
        data="digits", model=VisionConfig("small_vgg", width=4), steps=5, batch_size=8, device="cpu"
    )
    run = start(path, recipe, ["glassworks", "train"])
    train(run)
    return run


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    root = tmp_path_factory.mktemp("runs")
    digits_run(root / "digits")
    return Studio(root)


def png(pixels: np.ndarray) -> str:
    """An image file in base64."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def test_every_layer_holds_what_its_module_returns(studio: Studio) -> None:
    found = forward(studio, "digits", example=7)
    opened = open_labelled_model(studio.run("digits"))
    x = torch.from_numpy(opened.data.test.inputs([7])).float() / 255
    points = [layer["point"] for layer in found["layers"] if layer["point"]]
    with torch.no_grad(), capture(opened.model, points) as seen:
        output = opened.model(x)
    for layer, value in zip(found["layers"], found["passes"][0]["values"], strict=True):
        if layer["point"]:
            assert torch.equal(value, seen[layer["point"]][0])
    assert torch.equal(found["passes"][0]["values"][found["output"]], output[0])
    assert found["truth"] == opened.classes[opened.data.test.targets[7]]
    assert pack(found)


def test_the_network_of_a_run_that_takes_anothers_name_is_its_own_at_every_step(studio: Studio, tmp_path: Path) -> None:
    shutil.copytree(studio.root / ".examples", tmp_path / ".examples")
    shutil.copytree(studio.root / "digits", tmp_path / "a")
    other = Studio(tmp_path)
    run = other.run("a")

    def output(step: int) -> Tensor:
        found = forward(other, "a", step=step, example=7)
        return found["passes"][0]["values"][found["output"]]

    before, start = output(1), output(0)
    assert not torch.equal(before, start)
    shutil.rmtree(run.path)
    shutil.copytree(studio.root / "digits", run.path)
    (run.path / "run.json").write_text((run.path / "run.json").read_text(encoding="utf-8"), encoding="utf-8")
    write_tensors(network_at(run, 0).state_dict(), file_of(run, 1))
    assert torch.equal(output(1), start)


def test_the_network_is_found_as_it_was_at_every_step(studio: Studio) -> None:
    run = studio.run("digits")
    steps = about(studio, "digits")["steps"]
    assert steps == remembered_steps(run)
    assert set(steps) >= {0, 1, 4}
    kernels = [forward(studio, "digits", step, 0)["layers"][2]["weight"] for step in (*steps, None)]
    assert len({tuple(kernel.flatten().tolist()) for kernel in kernels}) >= len(steps)
    with pytest.raises(ValueError, match=r"step \(=3\) is none of which weights are left"):
        network_at(run, 3)


def test_weights_of_another_network_are_refused_by_their_file(studio: Studio, tmp_path: Path) -> None:
    run = digits_run(tmp_path / "other")
    file = run.path / "history" / "step_000001.safetensors"
    write_tensors({"head.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(FileDamaged, match="step_000001.safetensors does not hold this network's weights"):
        network_at(run, 1)


def test_examples_are_different_first_and_all_come_once(studio: Studio) -> None:
    first = examples(studio, "digits")
    assert first["truths"] == [str(k) for k in range(10)]
    part = open_labelled_model(studio.run("digits")).data.test
    assert np.array_equal(first["pixels"], part.inputs(first["numbers"]))
    seen = [n for page in range(first["pages"]) for n in examples(studio, "digits", page)["numbers"]]
    assert sorted(seen) == list(range(len(part)))


def test_an_image_file_is_read_as_in_training(studio: Studio) -> None:
    part = open_labelled_model(studio.run("digits")).data.test
    pixels = part.inputs([5])[0, 0]
    ways = ({"image": png(pixels)}, {"pixels": pixels.ravel().tolist()}, {"example": 5})
    values = [forward(studio, "digits", **how)["passes"][0]["values"] for how in ways]
    assert all(torch.equal(a, c) and torch.equal(b, c) for a, b, c in zip(*values, strict=True))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("no base64!", "base64"),
        (base64.b64encode(b"\x80\x04\x95pickle").decode(), "no image of"),
        (png(np.zeros((8300, 8300), np.uint8)), "pixels by its header"),
    ],
)
def test_what_is_no_image_is_one_line(studio: Studio, image: str, said: str) -> None:
    with pytest.raises((ValueError, FileDamaged), match=said):
        forward(studio, "digits", image=image)


@pytest.mark.parametrize("pixels", [[0] * 63, [0.5] * 64, [256] * 64, "0" * 64])
def test_what_are_no_pixels_is_one_line(studio: Studio, pixels) -> None:
    with pytest.raises(ValueError, match="64 whole numbers from 0 to 255"):
        forward(studio, "digits", pixels=pixels)


def test_what_is_not_there_is_one_line(studio: Studio) -> None:
    with pytest.raises(ValueError, match="example .*must be from 0"):
        forward(studio, "digits", example=10**6)
    with pytest.raises(RunError, match="no run"):
        about(studio, "nothing")


def test_a_unit_is_explained_by_what_the_house_computes(studio: Studio) -> None:
    found = explain(studio, "digits", "block1.relu2", 1, example=2, target=3)
    model = open_labelled_model(studio.run("digits")).model
    x = torch.from_numpy(open_labelled_model(studio.run("digits")).data.test.inputs([2])).float() / 255
    torch.testing.assert_close(found["cam"], cam_map(model, x, 3, point="block1.relu2")[0])
    with torch.no_grad(), capture(model, "block1.relu2") as seen:
        model(x)
    maps = seen["block1.relu2"][0, 1]
    assert found["value"] == pytest.approx(float(maps.max()))
    assert found["whole"] == pytest.approx(float(maps.sum()), rel=1e-5)
    with pytest.raises(ValueError, match="units"):
        explain(studio, "digits", "block1.relu2", 99, example=2)


def test_a_page_of_one_file_is_what_is_seen(studio: Studio, monkeypatch) -> None:
    monkeypatch.setattr("glassworks.studio.offline.built", lambda name: f"({name})")
    held = page(studio, "digits", step=0, example=3)["html"].split('id="data">')[1].split("<")[0]
    assert base64.b64decode(held) == pack(forward(studio, "digits", step=0, example=3))


def test_images_through_other_layers_are_not_shown_together() -> None:
    class Fickle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu() if x.sum() > 0 else x.tanh().relu()

    with pytest.raises(ValueError, match="the same layers"):
        network(Fickle(), [torch.ones(1, 1, 2, 2), -torch.ones(1, 1, 2, 2)])
