"""Fixup: residual networks of any depth without norms, by how their branches are drawn."""

from torch import nn

from glassworks.models.initialisation.draws import draw_he
from glassworks.models.initialisation.layers import layers_to_draw, not_called
from glassworks.models.initialisation.residual import Run, structure_of

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
RULE_3 = (
    "Fixup's scalar biases and multipliers are weights of their own, which a scheme does not add (rule 3): branches "
    "have those biases that they had"
)


def draw_fixup(model: nn.Module, run: Run, seed: int = 0) -> list[str]:
    """Draw by Zhang et al. 2019 (https://arxiv.org/abs/1901.09321), section 3; returns in sentences what applied.

    1. The last layer, and the last of each residual branch, begin at 0.
    2. All others are drawn by He et al. 2015; those in branches are then multiplied by L^(-1 / (2m - 2)), where L is
       the number of branches and m the number of layers, one behind the other, of the branch.

    So a step of gradient descent changes what the network says by as much as its learning rate, whatever L is. In a
    network without residual branches there is nothing but he and a last layer of 0.

    Args:
        model: any module. Branches are found by gradients (`structure_of`): its mode is to be one in which it trains.
        run: the loss of some examples; a few are enough.
        seed: of the weights.
    """
    draw_he(model, seed)
    every = layers_to_draw(model)
    found = structure_of(model, every, run)
    aside = not_called([layer for layer in every if layer not in found.layers])
    number = len(found.branches)
    for branch in found.branches:
        for layer in branch.layers[:-1]:
            layer.fill(layer.weight * number ** (-1 / (2 * branch.depth - 2)))
        branch.layers[-1].fill(0 * branch.layers[-1].weight)
    head = found.layers[-1]
    if head in found.trunk:
        head.fill(0 * head.weight)
        ends = f"{head.name} begins at 0"
    else:
        ends = "the last layer is an embedding's and stays as it was"
    if not number:
        return [f"no residual branch was found: he is all of Fixup that applies, and {ends}", *aside]
    depths = sorted({branch.depth for branch in found.branches})
    factors = [f"{number ** (-1 / (2 * m - 2)):.3g}" if m > 1 else "nothing" for m in depths]
    notes = [
        f"{number} residual branches of {' or '.join(map(str, depths))} layers: each ends at 0, layers before that are "
        f"multiplied by {' or '.join(factors)}; {ends}",
        RULE_3,
        *aside,
    ]
    if any(isinstance(module, NORMS) for module in model.modules()):
        notes.append("its norms stay, and Fixup is made to do without them")
    return notes
