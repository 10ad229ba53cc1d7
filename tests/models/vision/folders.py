"""Folders of small networks, as a training leaves them."""

from pathlib import Path

import torch

from glassworks.data.labelled.images.image import image_preprocessing
from glassworks.data.labelled.tables.encoding import Column, Encoding
from glassworks.models.vision.build import Network, make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.files import save_vision

CLASSES = ("dark", "bright", "naïve")
ENCODING = Encoding((Column("length", "number", fill=2.0), Column("colour", "category", categories=("red", "blue"))))


def image_folder(folder: Path, *, colour: str = "grey") -> Network:
    """A network for 8 × 8 images that says "bright" of what is brighter than the middle, and "dark" of the rest."""
    channels = 1 if colour == "grey" else 3
    model = make_model(VisionConfig("mlp", (channels, 8, 8), 3, depth=0), mean=[0.5] * channels, std=[0.25] * channels)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([-0.1, 0.1, 0.0])[:, None].expand(3, 64 * channels))
        model.head.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
    save_vision(model, folder, classes=CLASSES, preprocessing=image_preprocessing((8, 8), colour))
    return model


def table_folder(folder: Path) -> Network:
    """A network that says 100 times the length, and 5 more where the colour is blue."""
    model = make_model(VisionConfig("mlp", (3,), 1, "number", depth=0), target_std=10.0)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[10.0, 0.0, 0.5]]))
        model.head.bias.zero_()
    save_vision(model, folder, classes=(), preprocessing={"kind": "table", "encoding": ENCODING.as_json()})
    return model
