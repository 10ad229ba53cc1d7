"""The images that single units respond to most, least, and some by chance, of data of any size: two passes over it.

In the first the places of the highest scores are kept, one an image, and nothing else; in the second the images that
were chosen come by once more, and their patches and projections are cut out.

Letters: F units, k images of each kind, b images of a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import as_tensor
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.finite import is_finite, kind, where_it_begins
from glassworks.interpret.access.rectifiers import Rule
from glassworks.interpret.images.features.deconvnet import project
from glassworks.interpret.images.features.fields import cropped, receptive_fields, whole_size
from glassworks.interpret.images.scores import check_images
from glassworks.interpret.images.units import Units, device_of, in_parts

Images = Iterable[Any] | Callable[[], Iterable[Any]]
"""Images (N, C, H, W); or batches of them, or of (images, ...), that can be gone over again; or a function of these."""

KINDS = ("strongest", "weakest", "random")


def batches_of(images: Images, batch_size: int) -> Iterator[Tensor]:
    """The images, batch by batch, from the first; ValueError for what can be gone over only once, or holds none."""
    again = images() if callable(images) else images
    if again is images and isinstance(again, Iterator):
        raise ValueError("images can be gone over only once: give a list, a DataLoader, or a function that begins anew")
    if isinstance(again, Tensor):
        check_images(again)
        yield from in_parts(again, batch_size)
        return
    number = 0
    for batch in again:
        x = as_tensor(batch[0] if isinstance(batch, tuple | list) else batch, "images")
        check_images(x)
        number += len(x)
        yield from in_parts(x, batch_size)
    if not number:
        raise ValueError("images holds no batch: give at least one image")


@dataclass(frozen=True, eq=False)
class Leaders:
    """Of each unit the k images of the highest score; empty places have the image -1."""

    score: Float[Tensor, "F k"]
    value: Float[Tensor, "F k"]
    """The largest activation in the image."""
    image: Int[Tensor, "F k"]
    place: Int[Tensor, "F k"]
    """Where in the map it is."""

    @classmethod
    def of(cls, count: int, k: int) -> "Leaders":
        """None yet."""
        nothing = torch.full((count, k), -1)
        return cls(torch.full((count, k), -torch.inf), torch.full((count, k), torch.nan), nothing, nothing)

    def offered(self, score: Float[Tensor, "b F"], value: Tensor, place: Tensor, first: int) -> "Leaders":
        """With a batch of images considered, the first of them number `first`; equal scores keep their order."""
        number = torch.arange(first, first + len(score))[:, None].expand_as(place)
        new = (score, value, number, place)
        old = (self.score, self.value, self.image, self.place)
        both = [torch.cat([a, b.T], 1) for a, b in zip(old, new, strict=True)]
        order = both[0].sort(dim=1, descending=True, stable=True).indices[:, : self.score.size(1)]
        return Leaders(*(x.gather(1, order) for x in both))


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a pass over the images found."""

    leaders: dict[str, Leaders]
    """By kind."""
    fires: Float[Tensor, " F"]
    """The share of images in which a unit is anywhere above 0."""
    number: int
    """Of images."""


@torch.no_grad()
def ranked(
    units: Units, images: Images, chosen: Sequence[int], *, k: int, kinds: Sequence[str], seed: int, batch_size: int
) -> Ranking:
    """The first pass: of each unit, the images with the largest maximum, the smallest, and random ones."""
    generator = torch.Generator().manual_seed(seed)
    leaders = {name: Leaders.of(len(chosen), k) for name in kinds}
    fires, number = torch.zeros(len(chosen)), 0
    for x in batches_of(images, batch_size):
        value, place = peaks(units, x, chosen)
        scores = {"strongest": value, "weakest": -value, "random": torch.rand(value.shape, generator=generator)}
        leaders = {name: leaders[name].offered(scores[name], value, place, number) for name in kinds}
        fires, number = fires + (value > 0).sum(0), number + len(x)
    return Ranking(leaders, fires / number, number)


def peaks(units: Units, images: Tensor, chosen: Sequence[int]) -> tuple[Float[Tensor, "b F"], Int[Tensor, "b F"]]:
    """Each unit's largest activation in each image, and where it is."""
    images = images.to(device_of(units.model, images))
    rows = units.read(images)[:, :, list(chosen)]  # (b, P, F)
    if not is_finite(rows):
        begins = where_it_begins(units.model, images)
        raise ValueError(f"{units.point} holds {kind(rows)}, which begin at {begins}")
    value, place = rows.max(1)
    return value.float().cpu(), place.cpu()


@dataclass(frozen=True, eq=False)
class Tiles:
    """The fields of the chosen places, (F, k, C, h, w), NaN beyond the image's edge; all NaN where there is none."""

    patch: Float[Tensor, "F k C h w"]
    projection: Float[Tensor, "F k C h w"]


def cut_out(
    units: Units,
    images: Images,
    chosen: Sequence[int],
    leaders: dict[str, Leaders],
    *,
    rule: Rule,
    batch_size: int,
) -> dict[str, Tiles]:
    """The second pass: the patches that a ranking chose, and what the activations there project to."""
    sample = next(batches_of(images, 1))[0]
    boxes = receptive_fields(units, sample)
    size, (F, k) = whole_size(boxes), next(iter(leaders.values())).image.shape
    shape = (F, k, len(sample), *size)
    check_room(len(leaders) * 8 * torch.Size(shape).numel(), torch.device("cpu"), "give fewer units, or a smaller k")
    tiles = {name: Tiles(torch.full(shape, torch.nan), torch.full(shape, torch.nan)) for name in leaders}
    wanted: dict[int, list[tuple[str, int, int]]] = {}
    for name, of in leaders.items():
        for row, numbers in enumerate(of.image.tolist()):
            for rank, number in enumerate(numbers):
                wanted.setdefault(number, []).append((name, row, rank))
    first = 0
    for x in batches_of(images, batch_size):
        here = [(i, *entry) for i in range(len(x)) for entry in wanted.get(first + i, ())]
        for begin in range(0, len(here), batch_size):
            part = here[begin : begin + batch_size]
            index, rows = (torch.tensor([entry[j] for entry in part]) for j in (0, 2))
            place = torch.stack([leaders[name].place[row, rank] for _, name, row, rank in part])
            pictures = project(units, x[index], torch.tensor(chosen)[rows], places=place, rule=rule).pictures.cpu()
            for (i, name, row, rank), box, picture in zip(part, boxes[place], pictures, strict=True):
                tiles[name].patch[row, rank] = cropped(x[i], box, size)
                tiles[name].projection[row, rank] = cropped(picture, box, size)
        first += len(x)
    return tiles
