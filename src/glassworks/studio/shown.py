"""Any network on some images, as a page of one file: from a script or a notebook, without the studio."""

import html
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.files import write_text
from glassworks.interpret.access.arguments import public
from glassworks.studio.networks.network import network
from glassworks.studio.offline import offline_page

HEIGHT = 900
"""Pixels of the frame in a notebook."""


@dataclass(frozen=True)
class Shown:
    """A page of one file; a notebook shows it in a frame."""

    title: str
    html: str = field(repr=False)
    """All of the page."""

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which neither changes the notebook nor suffers from it."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            f'style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, which opens offline; return its path."""
        write_text(Path(path), self.html)
        return Path(path)

    def open(self) -> Path:
        """Write the page into a temporary folder and open it in the machine's browser; return its path."""
        path = self.save(Path(mkdtemp(prefix="glassworks-")) / "network.html")
        webbrowser.open(path.as_uri())
        return path


@public
def show(
    model: nn.Module,
    inputs: Float[Tensor, "..."],
    *,
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    title: str | None = None,
) -> Shown:
    """A network on some images, down to every number: layers, windows, weights and values, to be touched.

        show(model, images, classes=["cat", "dog"]).save("network.html")

    The network is run once for each image, in evaluation mode, and what it computes is seen as torch's functions are
    called: any module goes. What is not known is a box with its values.

    Args:
        model: any module that takes the inputs.
        inputs: as the model takes them, (B, C, H, W), or one image (C, H, W); or vectors (B, K).
        classes: names of the outputs, of which the softmax is then shown; () = the outputs are shown as they are.
        names: what each input is called.
        title: the page's; None = the class of the model.

    Raises: ValueError for inputs that the model cannot take, names that are not as many, and more than a page holds;
        RunError where the front end is not built.
    """
    batch = inputs if inputs.ndim in (2, 4) else inputs[None]
    if names and len(names) != len(batch):
        raise ValueError(f"names ({len(names)}) must be as many as the inputs ({len(batch)})")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    data = network(model, [x[None].to(device) for x in batch], names)
    outputs = data["layers"][data["output"]]["shape"]
    if classes and [len(classes)] != outputs:
        raise ValueError(f"classes ({len(classes)}) must be as many as the outputs ({outputs})")
    name = title or f"{type(model).__name__}, layer by layer"
    return Shown(name, offline_page(name, "cnn", {**data, "classes": list(classes)}))
