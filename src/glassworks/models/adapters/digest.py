"""What weights are, in a word: an adapter fits the model that it was trained on, and no other."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from glassworks.models.adapters.lora import base_state


def digest_of(model: nn.Module) -> str:
    """SHA-256 of a module's weights and their names, in float32, an adapter's own left out."""
    return digest_of_tensors(base_state(model))


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """The same of tensors by name, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
