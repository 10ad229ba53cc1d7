"""What a window over an image can reach: only that is computed anew, exactly, as far as a network is local in space.

A convolution of three pixels carries a change one pixel further, a pooling of two halves it, an activation leaves it
where it is. So for many windows over one image all layers are computed once, and for each window only a rectangle of
each map: cut out of the clean map, its changed part put in, padding and all. Rectangles of all windows have one size
and are one batch. Where they come to be nearly the whole map, or a layer mixes all places, they are put into the clean
map and the model goes on by itself.

Nothing is known of a model but the graph that torch.fx finds. Convolutions and poolings are taken by their numbers;
whatever else keeps a map's size is tried out on pieces of the clean map. Who calls this compares some windows with the
plain form, and falls back on that where there is no graph, or no agreement.

Letters: n windows, C channels, H W rows and columns of a map, h w of a rectangle.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, fx, nn

from glassworks.interpret.access.points import of_this_thread
from glassworks.interpret.images.occlusion.graph import changes, graph_of, run
from glassworks.interpret.images.occlusion.rectangles import Region, Window, gathered, united, window_of
from glassworks.interpret.images.scores import channels_last, prepared

WORTH = 0.7  # of a map's places: rectangles that are larger are no less work than the map
CLOSE = 1e-5  # of the largest number, within which two computations of the same are equal
BYTES = 16 * 2**20  # of what is read and made of rectangles at once, in one layer


# ----------------------------------------------------------------------------------------------------------------------
# What is computed anew


@dataclass(eq=False)
class Reach:
    """A model's clean values for one image, and how far what windows change is followed; see `find_reach`."""

    model: nn.Module
    image: Float[Tensor, "C H W"]
    windows: np.ndarray
    modules: Mapping[str, nn.Module]
    clean: dict[fx.Node, Any]
    painted: dict[fx.Node, Tensor]
    """What nodes that work on each pixel by itself make of an image that is all covered."""
    regions: dict[fx.Node, Region] = field(default_factory=dict)
    """Where the map of a node that is followed may change."""
    steps: list[tuple[fx.Node, Window | None]] = field(default_factory=list)
    """What follows those, in order; without a window it works on each place by itself."""

    def forward(self, first: int, last: int) -> Any:
        """The model's output for the image under some of the windows, its hooks called as in any pass."""
        values, end = self.values(first, last), self.steps[-1][0]
        hook = self.modules[str(end.target)].register_forward_hook(of_this_thread(lambda *_: values))
        try:
            return self.model(self.image[None].clone())
        finally:
            hook.remove()

    def values(self, first: int, last: int) -> Float[Tensor, "n C H W"]:
        """The whole maps of the last step."""
        crops: dict[fx.Node, Tensor] = {}
        regions = {node: region.some(first, last) for node, region in self.regions.items()}
        for node in self.painted:
            if any(user not in self.painted for user in node.users):
                crops[node] = self.covered(node, self.windows[first:last], regions[node])
        for node, window in self.steps:
            if window is None:
                crops[node] = run(node, self.cut(node, crops, regions), self.modules)
            else:
                (x,) = (x for x in node.all_input_nodes if x in regions)
                padded = window.padded(self.clean[x], self.shape(node))
                read = gathered(padded, crops[x], regions[x], window.read(regions[node]), window.padding)
                crops[node] = window.apply(read)
            for x in node.all_input_nodes:
                if x in crops and list(x.users)[-1] is node:
                    del crops[x]
        places = np.zeros(last - first, int)
        return gathered(self.clean[node], crops[node], regions[node], Region(places, places, self.shape(node)))

    def covered(self, node: fx.Node, windows: np.ndarray, region: Region) -> Tensor:
        """Rectangles of the image, or of what is made of its pixels, under each window."""
        top, left, bottom, right = (windows[:, i, None, None] for i in range(4))
        row = (region.top[:, None] + np.arange(region.size[0]))[:, :, None]
        column = (region.left[:, None] + np.arange(region.size[1]))[:, None]
        inside = torch.from_numpy((row >= top) & (row < bottom) & (column >= left) & (column < right))
        clean, filled = (gathered(of[node], None, None, region) for of in (self.clean, self.painted))
        return torch.where(inside[:, None].to(clean.device), filled, clean)

    def cut(
        self, node: fx.Node, crops: Mapping[fx.Node, Tensor], regions: Mapping[fx.Node, Region]
    ) -> dict[fx.Node, Any]:
        """What a node that works on each place by itself reads for its region."""
        return {
            x: crops[x]
            if x in crops and same(regions[x], regions[node])
            else gathered(self.clean[x], crops.get(x), regions.get(x), regions[node])
            if is_map(self.clean[x])
            else self.clean[x]
            for x in node.all_input_nodes
        }

    def shape(self, node: fx.Node) -> tuple[int, int]:
        """Rows and columns of a node's map."""
        return int(self.clean[node].size(2)), int(self.clean[node].size(3))

    def follow(self, node: fx.Node) -> bool:
        """Take one more node for a step, if what changes of it is known and not nearly all."""
        before = [x for x in node.all_input_nodes if x in self.regions]
        if not is_map(self.clean[node]):
            return False
        module = self.modules[str(node.target)] if node.op == "call_module" else None
        window = None if module is None else window_of(module)
        if window is None and not self.is_pointwise(node):
            return False
        shape, held = self.shape(node), [self.regions[x] for x in before]
        region = united(held, shape) if window is None else window.reached(held[0], shape)
        if region.size[0] * region.size[1] > WORTH * shape[0] * shape[1]:
            return False
        self.regions[node] = region
        self.steps.append((node, window))
        return True

    def is_pointwise(self, node: fx.Node) -> bool:
        """Whether pieces of a node's map are made of the same pieces of what it reads."""
        rows, columns = self.shape(node)
        of = {x: self.clean[x] for x in node.all_input_nodes}
        if any(is_map(x) and x.shape[2:] != (rows, columns) for x in of.values()):
            return False
        for row, column in ((0, 0), (rows // 3, columns // 3), (rows // 2, columns // 2)):
            piece = (..., slice(row, row + rows // 2 + 1), slice(column, column + columns // 2 + 1))
            part = {x: value[piece] if is_map(value) else value for x, value in of.items()}
            try:
                found = run(node, part, self.modules, cloned=True)
            except Exception:  # a module may refuse what is not as large as it expects
                return False
            if not alike(found, self.clean[node][piece]):
                return False
        return True


def is_map(value: Any) -> bool:
    """Whether a value is a map (1, C, H, W)."""
    return isinstance(value, Tensor) and value.ndim == 4 and len(value) == 1


def same(x: Region, y: Region) -> bool:
    """Whether two regions are one."""
    return x.size == y.size and bool((x.top == y.top).all() and (x.left == y.left).all())


def alike(found: Any, expected: Tensor) -> bool:
    """Whether a value is what it should be, but for rounding."""
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= CLOSE * expected.abs().max())


# ----------------------------------------------------------------------------------------------------------------------
# How far


@torch.no_grad()
def find_reach(
    model: nn.Module, image: Float[Tensor, "C H W"], windows: Int[Tensor, "N 4"], filled: Float[Tensor, "C H W"]
) -> Reach | None:
    """How to compute a model's outputs for an image under windows from what each can reach.

    None where that is not known, or no less work than whole images: without a graph, or a first layer that reads all.

    Args:
        model: any module.
        image: the image.
        windows: as (top, left, bottom, right), the last two not covered.
        filled: the image that is seen through the windows.
    """
    with prepared(model) as root:
        graph = graph_of(root)
        if graph is None or sum(node.op == "placeholder" for node in graph.nodes) != 1:
            return None
        modules = dict(root.named_modules())
        clean = clean_values(root, graph, image, modules)
        reach = Reach(root, image, windows.cpu().numpy(), modules, clean, painted(graph, clean, filled, modules))
        top, left, bottom, right = reach.windows.T
        size = (max(1, int((bottom - top).max())), max(1, int((right - left).max())))
        H, W = image.shape[1:]
        whole = Region(top.clip(0, H - size[0]), left.clip(0, W - size[1]), size)
        reach.regions |= dict.fromkeys(reach.painted, whole)
        for node in graph.nodes:
            if node in reach.regions or not any(x in reach.regions for x in node.all_input_nodes):
                continue
            if node.op == "output" or not reach.follow(node):
                break
        return shortened(reach)


def clean_values(
    model: nn.Module, graph: fx.Graph, image: Tensor, modules: Mapping[str, nn.Module]
) -> dict[fx.Node, Any]:
    """What each node makes of the image itself."""
    values: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            values[node] = channels_last(image[None].clone())
        elif node.op == "get_attr":
            values[node] = operator.attrgetter(str(node.target))(model)
        elif node.op != "output":
            values[node] = run(node, values, modules, cloned=changes(node, modules))
    return values


def painted(
    graph: fx.Graph, clean: Mapping[fx.Node, Any], filled: Tensor, modules: Mapping[str, nn.Module]
) -> dict[fx.Node, Tensor]:
    """What nodes that work on each pixel by itself make of a covered image: of a mixed one they make a mixture."""
    half = torch.zeros(filled.shape[1:], dtype=torch.bool, device=filled.device)
    half[::2, 1::3] = True
    found: dict[fx.Node, Tensor] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            found[node] = channels_last(filled[None])
        elif node.op.startswith("call") and any(x in found for x in node.all_input_nodes):
            whole = run(node, {**clean, **found}, modules, cloned=True)
            mixed = {x: torch.where(half, of, clean[x]) for x, of in found.items()}
            if not is_map(whole) or whole.shape[2:] != half.shape or whole.shape != clean[node].shape:
                continue
            if alike(run(node, {**clean, **mixed}, modules, cloned=True), torch.where(half, whole, clean[node])):
                found[node] = whole
    return found


def shortened(reach: Reach) -> Reach | None:
    """The reach as far as the last module on which alone everything after it hangs; None if there is none."""
    place = {node: i for i, node in enumerate([*reach.painted, *(node for node, _ in reach.steps)])}
    calls = [id(reach.modules[str(node.target)]) for node in reach.clean if node.op == "call_module"]
    for last in range(len(reach.steps) - 1, -1, -1):
        end = reach.steps[last][0]
        once = end.op == "call_module" and calls.count(id(reach.modules[str(end.target)])) == 1
        before = [node for node in place if place[node] < place[end]]
        if once and all(place.get(user, len(place)) <= place[end] for node in before for user in node.users):
            reach.steps = reach.steps[: last + 1]
            return reach
    return None


def windows_at_once(reach: Reach) -> int:
    """How many windows to work on at once."""
    most = 0
    for node, window in reach.steps:
        region = reach.regions[node]
        read = region.size if window is None else window.read(region).size
        channels = max(int(reach.clean[x].size(1)) for x in [node, *node.all_input_nodes] if is_map(reach.clean[x]))
        most = max(most, 2 * channels * read[0] * read[1])
    return max(1, BYTES // (most * reach.image.element_size()))
