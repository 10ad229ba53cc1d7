"""What a forward pass leaves behind, within a limit of memory: beyond it, on disk or refused."""

import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from glassworks.core.machine.memory import free_memory


class Storage:
    """Keeps tensors of one forward pass at a time; one of the same key takes the place of the one before.

    `max_bytes` None means the memory free now. Beyond it a tensor is written to a file in `spill`, mapped into memory
    and unlinked: its disk space comes back when the tensor is no longer used, even after kill -9. Without `spill`,
    nothing more is kept, the rest of the pass is only counted, and `check` raises with what it would have needed.
    """

    def __init__(self, max_bytes: int | None, spill: Path | None, copy: bool) -> None:
        if max_bytes is not None and max_bytes < 0:
            raise ValueError(f"max_bytes (={max_bytes}) must be at least 0")
        if spill is not None and not spill.is_dir():
            raise ValueError(f"spill (={spill}) must be a folder that exists")
        self.max_bytes, self.spill, self.copy = max_bytes, spill, copy
        self.free: dict[torch.device, int | None] = {}
        self.begin()

    def begin(self) -> None:
        """Forget the pass before."""
        self.full = 0
        self.needed: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.versions: dict[str, tuple[Tensor, int]] = {}

    def limit(self, device: torch.device) -> int | None:
        """The most bytes to keep: as given, or what was free on the device when it was first asked."""
        if self.max_bytes is not None:
            return self.max_bytes
        if device not in self.free:
            self.free[device] = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
        return self.free[device]

    def keep(self, key: str, value: Tensor) -> Tensor | None:
        """The tensor to hand out for `value`; None if there is no room for it."""
        size = value.numel() * value.element_size()
        for sizes in (self.needed, self.held):
            sizes.pop(key, None)
        self.versions.pop(key, None)
        self.needed[key] = size
        limit = self.limit(value.device)
        if limit is not None and sum(self.held.values()) + size > limit:
            self.full = limit
            return None if self.spill is None else on_disk(value, self.spill)
        self.held[key] = size
        if self.copy:
            return value.clone()
        if not value.is_inference():
            self.versions[key] = (value, value._version)
        return value

    def check(self) -> None:
        """ValueError if the pass did not fit, or if a tensor that was handed out has changed since."""
        if self.spill is None and len(self.held) < len(self.needed):
            limit, needed = "the free memory" if self.max_bytes is None else "max_bytes", sum(self.needed.values())
            raise ValueError(
                f"{limit} (={self.full:,} bytes) is less than the {needed:,} bytes that this pass would keep: "
                "name fewer points or positions, give a smaller batch, or a folder to spill to"
            )
        for key, (value, version) in self.versions.items():
            if value._version != version:
                raise ValueError(f"{key} was changed in place after it was read: read it at the module that changes it")


def on_disk(value: Tensor, folder: Path) -> Tensor:
    """A copy of a tensor in a file that has no name any more."""
    if not value.numel():
        return value.detach().clone()
    size = value.numel() * value.element_size()
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".activations.", suffix=".tmp")
    try:
        os.posix_fallocate(descriptor, 0, size)  # a full disk is an error here, and a crash when the mapping is written
        mapped = torch.from_file(name, shared=True, size=value.numel(), dtype=value.dtype)
    finally:
        os.close(descriptor)
        Path(name).unlink()
    return mapped.view(value.shape).copy_(value.detach())
