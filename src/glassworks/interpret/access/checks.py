"""What is refused before anything is run: one function for each kind of mistake, and for memory that is not there."""

from collections.abc import Sequence

import torch
from torch import nn

from glassworks.core.machine.memory import free_memory


def check_labels(labels: Sequence[str] | None, T: int) -> None:
    """Refuse labels that are not one a position."""
    if labels is not None and len(labels) != T:
        raise ValueError(f"labels ({len(labels)}) must be one for each of the {T} positions")


def check_gradients(model: nn.Module) -> None:
    """Refuse weights that take no part in gradients."""
    if any(p.is_inference() for p in model.parameters()):
        raise ValueError("the model's weights were made under torch.inference_mode: load it outside of that")


# ----------------------------------------------------------------------------------------------------------------------
# Numbers


def check_count(name: str, value: int, least: int) -> None:
    """Refuse a number of something that is too small."""
    if value < least:
        raise ValueError(f"{name} (={value}) must be at least {least}")


# ----------------------------------------------------------------------------------------------------------------------
# Memory


def check_room(size: int, device: torch.device, remedy: str) -> None:
    """Refuse what would not fit the memory that is free, before it is allocated."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is not None and size > free:
        raise ValueError(f"this needs {size:,} bytes, {free:,} are free: {remedy}")
