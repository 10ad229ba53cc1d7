"""Compiled code and hooks: inside a block nothing runs compiled, since compiled code passes hooks by."""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import torch
from torch import nn

WRAPPER = "_orig_mod"
"""What `torch.compile` calls the module inside its own."""


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[nn.Module]:
    """The module itself if it was compiled; inside the block nothing runs compiled, in any thread."""
    with EAGERLY:
        yield getattr(model, WRAPPER, model)


class Eagerly:
    """While a block of it is open, in whatever thread, all that was compiled runs uncompiled, and nothing is compiled.

    Compiled code passes hooks by, and code that is compiled among hooks would keep them. Torch has one setting for the
    whole process, so blocks that overlap are counted: the last one to end gives back what the first one found.

    Nothing is set where torch's compiler is not loaded, and in code that is itself being compiled. What is compiled
    inside such a block has its hooks in it, and is compiled again when they are gone.
    """

    def __init__(self) -> None:
        self.lock, self.open, self.stance = threading.Lock(), 0, ExitStack()
        self.is_set = False

    def __enter__(self) -> None:
        with self.lock:
            if "torch._dynamo" in sys.modules and not self.is_set:
                with suppress(RuntimeError):  # in code that is being compiled
                    self.stance.enter_context(torch.compiler.set_stance("force_eager"))
                    self.is_set = True
            self.open += 1

    def __exit__(self, *_error: object) -> None:
        with self.lock:
            self.open -= 1
            if not self.open:
                self.stance.close()
                self.is_set = False


EAGERLY = Eagerly()
