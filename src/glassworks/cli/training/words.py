"""What the overviews of all kinds of training say in the same words."""

import torch

from glassworks.core.progress import counted
from glassworks.train.device import pick_device
from glassworks.train.distributed import Ranks
from glassworks.train.plan import Plan
from glassworks.train.training import Training


def computed(recipe: Training, plan: Plan, place: Ranks) -> str:
    """On which device, how precisely, and with how many threads and processes."""
    machine = [str(pick_device(recipe.device)), plan.precision, "compiled" if plan.compile else "not compiled"]
    ranks = [f"{place.world} ranks"] if place.world > 1 else []
    return ", ".join([*machine, counted(torch.get_num_threads(), "thread"), *ranks])


def repeated(times: float, what: str) -> str:
    """How often something is read.

    >>> repeated(12.3, "the text"), repeated(0.512, "the text")
    ('12 times the text', '0.51 times the text')
    """
    return f"{times:,.0f} times {what}" if times >= 10 else f"{times:.2g} times {what}"
