import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.models.vision.networks import CONFIGS, inputs, trained

from glassworks.core.errors import GlassworksError
from glassworks.models.vision import onnx as ours
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.onnx import export_onnx

CLASSES = ("cat", "dog", "naïve", "both")
PREPROCESSING = {"size": [8, 8]}


def says_the_same(config: VisionConfig, file: Path) -> None:
    model = trained(config)
    apart = export_onnx(model, file, classes=CLASSES, preprocessing=PREPROCESSING)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = "pixel_values" if len(config.shape) == 3 else "features"
    for number in (1, 2, 7):
        x = inputs(config, number)
        (theirs,) = session.run(["logits"], {name: x.numpy()})
        with torch.no_grad():
            expected = model(x).numpy()
        assert np.abs(theirs - expected).max() < 1e-5 * np.abs(expected).max()
    assert 0 <= apart < 1e-5


QUICK = ["mlp 5 batch", "small_vgg 1 × 8 × 8 batch"]


@pytest.mark.parametrize("name", QUICK)
def test_onnxruntime_says_what_torch_says(name: str, tmp_path: Path) -> None:
    says_the_same(CONFIGS[name], tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in QUICK])
def test_onnxruntime_says_what_torch_says_of_every_network(name: str, tmp_path: Path) -> None:
    says_the_same(CONFIGS[name], tmp_path / "model.onnx")


def test_the_file_says_what_its_user_needs_and_the_network_stays_as_it_was(tmp_path: Path) -> None:
    config = CONFIGS["mlp 5 none"]
    model = trained(config).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    export_onnx(model, tmp_path / "m.onnx", classes=CLASSES, preprocessing=PREPROCESSING)
    properties = {p.key: json.loads(p.value) for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert properties == {"task": "classes", "classes": list(CLASSES), "preprocessing": PREPROCESSING}
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_file_that_says_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "difference", lambda model, content: float("nan"))
    with pytest.raises(GlassworksError, match=r"differ from torch's by nan .*m\.onnx is not written"):
        export_onnx(trained(CONFIGS["mlp 5 none"]), tmp_path / "m.onnx", classes=CLASSES, preprocessing={})
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ValueError, match=r"^ONNX needs onnxscript: \S+ -m pip install onnx onnxscript onnxruntime$"):
        export_onnx(trained(CONFIGS["mlp 5 none"]), tmp_path / "m.onnx", classes=CLASSES, preprocessing={})
