"""The images that single feature maps respond to most, beside what in them does it (Zeiler & Fergus 2013, figure 2).

The nine strongest activations of a map over a whole data set, one an image, projected to the pixels, and the patches
that they look at: what the patches have in common, and the projections show, the map looks for; what the patches do
not share, it does not mind. The weakest and random images stand beside them (Zeiler 2015, talk): the strongest alone
make many a map look as if it had one meaning.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.draw.scales import short
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_gradients
from glassworks.interpret.access.rectifiers import Rule
from glassworks.interpret.control import randomised
from glassworks.interpret.images.features.leaders import (
    KINDS,
    Images,
    Leaders,
    Ranking,
    Tiles,
    batches_of,
    cut_out,
    ranked,
)
from glassworks.interpret.images.legends.features import STRONGEST
from glassworks.interpret.images.pictures import as_picture, signed_picture, smaller
from glassworks.interpret.images.units import device_of, find_units
from glassworks.trace.trace import Trace

SHOWN = 8
"""Units that are looked at where none are named."""


@public
def strongest_examples(
    model: nn.Module,
    images: Images,
    point: str,
    units: Sequence[int] | None = None,
    *,
    k: int = 9,
    rule: Rule = "deconvnet",
    fresh: nn.Module | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> Trace:
    """The k images in which each unit is most active, of data of any size; also the weakest, and random ones.

    Args:
        model: any module that takes images (B, C, H, W).
        images: all of them (N, C, H, W); or batches, as of a DataLoader, or a function that gives them, gone over
            twice for each network. Of a batch that is a tuple the first part is taken.
        point: as `capture` takes it: a convolution's map, a ReLU behind it, a pool, or a vector.
        units: channels of the map, or numbers of the vector; None = eight that `seed` draws.
        k: images of each kind.
        rule: what passes ReLUs on the way back, as in `deconvnet.project`; "plain" for other nonlinearities.
        fresh: the control: an untrained network of the same shape. None = `randomised` by `seed`.
        seed: draws units, random images and the control.
        batch_size: images to a pass; nothing else of the data is kept but the patches.

    A patch is what the place of the activation can see (`receptive_fields`), the same part of the projection beside it.

    Raises: ValueError for images, points and units that are none, images that can be gone over only once, and
    nonlinearities below the point that are no ReLU.

    Arrays, for each kind in strongest, weakest, random and, of the other network, untrained:
        <kind> (unit, shown, rank, colour, row, column): the patches, and the projections, as they are drawn.
        <kind>_activation (unit, rank): the activations. <kind>_image: the number of each image.
        <kind>_place: where in the map, row by row.
        patch, projection (unit, rank, channel, row, column): of the strongest, as they are; NaN beyond the image.
        fires, fires_untrained (unit): the share of images in which a unit is anywhere above 0. One that never is, is
            dead.
        agreement (comparison, unit): the mean cosine of the projections of a unit's strongest images with each other,
            with those of other units, and of the untrained unit's with each other.
    """
    check_gradients(model)
    check_count("k", k, 1)
    check_count("batch_size", batch_size, 1)
    sample = next(batches_of(images, 1))
    here = find_units(model, sample.to(device_of(model, sample)), point)
    chosen = drawn_units(here.count, seed) if units is None else list(units)
    here.check(chosen)
    there = find_units(randomised(model, seed=seed) if fresh is None else fresh, sample, point)
    arrays: dict[str, np.ndarray] = {}
    rankings: dict[str, Ranking] = {}
    tiles: dict[str, Tiles] = {}
    for units_of, kinds, names in ((here, KINDS, KINDS), (there, KINDS[:1], ("untrained",))):
        found = ranked(units_of, images, chosen, k=k, kinds=kinds, seed=seed, batch_size=batch_size)
        cut = cut_out(units_of, images, chosen, found.leaders, rule=rule, batch_size=batch_size)
        rankings[names[0]] = found
        tiles |= {name: cut[of] for name, of in zip(names, kinds, strict=True)}
        for name, of in zip(names, kinds, strict=True):
            arrays |= arrays_of(name, cut[of], found.leaders[of])
    own, fresh_own = tiles["strongest"], tiles["untrained"]
    within, between = agreement(own.projection)
    arrays |= {
        "fires": rankings["strongest"].fires.numpy(),
        "fires_untrained": rankings["untrained"].fires.numpy(),
        "agreement": torch.stack([within, between, agreement(fresh_own.projection)[0]]).numpy(),
        "patch": own.patch.numpy(),
        "projection": own.projection.numpy(),
    }
    return Trace(
        "strongest_examples",
        arrays,
        {name: AXES.get(name) or axes_of_kind(name) for name in arrays},
        {
            "unit": [str(unit) for unit in chosen],
            "shown": ["patch", "projection"],
            "rank": [str(i + 1) for i in range(k)],
            "comparison": COMPARISONS,
        },
        {"point": here.point, "rule": rule, "seed": seed, "num_images": rankings["strongest"].number},
        legend=STRONGEST,
    )


COMPARISONS = ["with each other", "with other units’", "with each other, untrained"]
AXES: dict[str, tuple[str, ...]] = {
    "fires": ("unit",),
    "fires_untrained": ("unit",),
    "agreement": ("comparison", "unit"),
    "patch": ("unit", "rank", "channel", "pixel_row", "pixel_column"),
    "projection": ("unit", "rank", "channel", "pixel_row", "pixel_column"),
}


def axes_of_kind(name: str) -> tuple[str, ...]:
    """The axes of what each kind of images has."""
    return ("unit", "rank") if "_" in name else ("unit", "shown", "rank", "colour", "shown_row", "shown_column")


def arrays_of(name: str, tiles: Tiles, leaders: Leaders) -> dict[str, np.ndarray]:
    """The arrays of one kind of images."""
    pictures = torch.stack([as_picture(tiles.patch), signed_picture(tiles.projection)], 1)
    captions = [[short(x) if x == x else "" for x in row] for row in leaders.value.tolist()]
    return {
        name: smaller(pictures).numpy(),
        f"{name}_caption": np.array(captions),
        f"{name}_activation": leaders.value.numpy(),
        f"{name}_image": leaders.image.numpy(),
        f"{name}_place": leaders.place.numpy(),
    }


def drawn_units(count: int, seed: int) -> list[int]:
    """Some units by chance, in order."""
    return sorted(torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:SHOWN].tolist())


def agreement(pictures: Float[Tensor, "F k C h w"]) -> tuple[Float[Tensor, " F"], Float[Tensor, " F"]]:
    """The mean cosine of each unit's pictures with each other, and with those of other units; NaN without any."""
    flat = torch.nn.functional.normalize(pictures.nan_to_num().flatten(2), dim=2)  # (F, k, pixels)
    there = (flat.abs().amax(2) > 0).float()  # an activation of 0 projects to nothing, and is not counted
    sums, counts = flat.sum(1), there.sum(1)
    own = (sums.square().sum(1) - there.sum(1)) / (counts * (counts - 1))
    cross, pairs = sums @ sums.T, counts[:, None] * counts
    others = 1 - torch.eye(len(flat))
    return own, (cross * others).sum(1) / (pairs * others).sum(1)
