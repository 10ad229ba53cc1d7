"""How single feature maps come to be over a training (Zeiler & Fergus 2013, section 4.1, figure 4).

At each checkpoint the strongest activation of a unit over a data set, projected to the pixels. It changes at once where
another image takes the lead. A number goes with it: how far the unit already tells images apart as it does at the end,
which is when the layer has converged.

Letters: S checkpoints, N images, F units.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.draw.scales import short
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_gradients
from glassworks.interpret.access.rectifiers import Rule
from glassworks.interpret.images.features.leaders import Images, Leaders, batches_of, cut_out, peaks
from glassworks.interpret.images.features.strongest import drawn_units
from glassworks.interpret.images.legends.training import EVOLUTION
from glassworks.interpret.images.pictures import as_picture, signed_picture, smaller
from glassworks.interpret.images.units import Units, device_of, find_units
from glassworks.trace.trace import Trace


@public
def evolution(
    checkpoints: Iterable[tuple[str, nn.Module]],
    images: Images,
    point: str,
    units: Sequence[int] | None = None,
    *,
    rule: Rule = "deconvnet",
    seed: int = 0,
    batch_size: int = 64,
) -> Trace:
    """What single units respond to most at each of some checkpoints of one training, the first to the last.

    Args:
        checkpoints: a step's name and the network at it, in order; networks may be loaded one by one, as a generator
            does: each is done with before the next is asked for.
        images: of the same kind as `strongest_examples` takes: they are gone over twice for each checkpoint.
        point: as `capture` takes it.
        units: channels of the map, or numbers of the vector; None = eight that `seed` draws.
        rule: what passes ReLUs on the way back, as in `deconvnet.project`; "plain" for other nonlinearities.
        seed: draws the units.
        batch_size: images to a pass.

    Raises: ValueError for fewer than two checkpoints, and as `strongest_examples`.

    Arrays:
        picture (unit, shown, step, colour, row, column): the strongest image's patch and its projection, as drawn.
        activation (unit, step): the strongest activation. image (unit, step): the number of its image.
        correlation (unit, step): over the images, of the unit's largest activation with its own at the last
            checkpoint; 0 where it does not vary.
        correlation_other (unit, step): the mean of the same with the last activations of the other units.
    """
    check_count("batch_size", batch_size, 1)
    names: list[str] = []
    pictures, leaders, values = list[Tensor](), list[Leaders](), list[Tensor]()
    chosen = units
    for name, model in checkpoints:
        check_gradients(model)
        sample = next(batches_of(images, 1))
        here = find_units(model, sample.to(device_of(model, sample)), point)
        chosen = drawn_units(here.count, seed) if chosen is None else list(chosen)
        here.check(chosen)
        value, first = every_peak(here, images, chosen, batch_size)
        tiles = cut_out(here, images, chosen, {"strongest": first}, rule=rule, batch_size=batch_size)["strongest"]
        pictures.append(torch.stack([as_picture(tiles.patch[:, 0]), signed_picture(tiles.projection[:, 0])], 1))
        leaders.append(first)
        values.append(value)
        names.append(name)
    if len(names) < 2 or chosen is None:
        raise ValueError(f"checkpoints ({len(names)}) must be two at the least, each a name and a network")
    correlations = torch.stack([correlated(value, values[-1]) for value in values], 2)  # (F, F, S)
    own = correlations.diagonal().T
    activation = torch.cat([one.value for one in leaders], 1)
    arrays: dict[str, np.ndarray] = {
        "picture": smaller(torch.stack(pictures, 2)).numpy(),
        "caption": np.array([[short(x) for x in row] for row in activation.tolist()]),
        "activation": activation.numpy(),
        "image": torch.cat([one.image for one in leaders], 1).numpy(),
        "correlation": own.numpy(),
    }
    if len(chosen) > 1:
        arrays["correlation_other"] = ((correlations.sum(1) - own) / (len(chosen) - 1)).numpy()
    return Trace(
        "evolution",
        arrays,
        {name: AXES.get(name, ("unit", "step")) for name in arrays},
        {"unit": [str(unit) for unit in chosen], "shown": ["patch", "projection"], "step": names},
        {"point": point, "rule": rule, "num_images": len(values[0]), "seed": seed},
        legend=EVOLUTION,
    )


AXES: dict[str, tuple[str, ...]] = {"picture": ("unit", "shown", "step", "colour", "shown_row", "shown_column")}


def every_peak(
    units: Units, images: Images, chosen: Sequence[int], batch_size: int
) -> tuple[Float[Tensor, "N F"], Leaders]:
    """Each unit's largest activation in each image, and the leaders among them."""
    parts, leaders, first = list[Tensor](), Leaders.of(len(chosen), 1), 0
    with torch.no_grad():
        for x in batches_of(images, batch_size):
            value, place = peaks(units, x, chosen)
            leaders = leaders.offered(value, value, place, first)
            parts.append(value)
            first += len(x)
    return torch.cat(parts), leaders


def correlated(a: Float[Tensor, "N F"], b: Float[Tensor, "N F"]) -> Float[Tensor, "F F"]:
    """Pearson's correlation of each column with each; 0 where one does not vary."""
    a, b = ((x - x.mean(0)) / (x - x.mean(0)).norm(dim=0).clamp(min=1e-12) for x in (a, b))
    return (a.T @ b).clamp(-1, 1)
