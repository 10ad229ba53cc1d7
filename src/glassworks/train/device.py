"""What the machine offers: device, precision, compiler, its matrix-product peak, its memory."""

import importlib.util
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch

from glassworks.core.machine.openmp import renew_threads
from glassworks.core.types import Precision
from glassworks.models.gpt.fused import MKL_IS_SLOW, product


def pick_device(name: str = "auto") -> torch.device:
    """cuda, else mps, else cpu; or the one named."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device (={name!r}) must be auto, cpu, cuda or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device (={name!r}) is not available: torch sees no CUDA here; leave it at auto")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device (={name!r}) is not available: torch sees no Apple GPU here; leave it at auto")
    return device


def pick_precision(precision: Precision, device: torch.device, width: int) -> torch.dtype:
    """The dtype of matrix products: bfloat16 where the hardware multiplies in it and the matrices are wide enough.

    On a CPU that means that products in it are measured to be sooner, and a width of at least 128: below it, casting
    costs more than it saves.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision (={precision!r}) must be auto, float32 or bfloat16")
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and width >= 128 and has_bfloat16_units():
        return torch.bfloat16 if bfloat16_pays() else torch.float32
    return torch.float32


def has_bfloat16_units() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware, and torch tells so: the oldest that we work with does not."""
    features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


PAYS = 1.4
"""Times as fast that products in bfloat16 must be to make up for casting. Where they are faster, they are twice."""


@cache
def bfloat16_pays() -> bool:
    """Whether this CPU's products in bfloat16 are so much faster than in float32, which is measured once a process.

    Having the instruction says little: a Xeon with AVX512-BF16 but without AMX multiplies half as fast by it.
    """
    cpu = torch.device("cpu")
    return matmul_peak(cpu, torch.bfloat16, budget=0.1) > PAYS * matmul_peak(cpu, torch.float32, budget=0.1)


@contextmanager
def flushing_subnormals(device: torch.device) -> Iterator[None]:
    """In the block a CPU takes numbers below 1e-38 for zero: in this thread and those that torch computes with for it.

    A trained network's attention and gradients are full of them, and products with them cost a hundred times as much.
    A thread keeps the setting of the one that started it: torch's are started anew at either end, where its OpenMP is
    GNU's (on Linux; others' stay as they are), and one that somebody else starts in the block goes on flushing.
    """
    smallest = torch.tensor(1e-38)
    if device.type != "cpu" or float(smallest * 0.01) == 0:  # it does so already
        yield
        return
    for kind in (np.float32, np.float64):
        np.finfo(kind)  # which NumPy finds out when first asked, and would then warn of
    try:
        if torch.set_flush_denormal(True):
            renew_threads()
        yield
    finally:
        if torch.set_flush_denormal(False):
            renew_threads()


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile has the compiler it needs: Triton on CUDA, a C++ compiler on a CPU."""
    if device.type == "cuda":
        return importlib.util.find_spec("triton") is not None
    return device.type == "cpu" and any(shutil.which(name) for name in ("g++", "clang++"))


def matmul_peak(device: torch.device, dtype: torch.dtype, *, size: int | None = None, budget: float = 0.5) -> float:
    """Floating-point operations a second of a square matrix product, the best of what fits in `budget` seconds.

    The best, not the median: a peak is what the machine can do when nobody disturbs it. Measured with `size` 1024 on a
    CPU and 8192 elsewhere, on as many threads as torch uses, by the library that `models.fused.Linear` takes.
    """
    n = size or (1024 if device.type == "cpu" else 8192)
    a, b = torch.randn(2, n, n, device=device).to(dtype)  # of equal numbers some devices are faster
    out = torch.empty_like(a)
    by_onednn = device.type == "cpu" and dtype is torch.float32 and MKL_IS_SLOW
    best, deadline = float("inf"), time.perf_counter() + budget
    while best == float("inf") or time.perf_counter() < deadline:
        synchronize(device)
        began = time.perf_counter()
        if by_onednn:
            product(a, b)
        else:
            torch.mm(a, b, out=out)
        synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 2.0 * n**3 / best


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory() -> int:
    """Bytes: the largest resident set this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
