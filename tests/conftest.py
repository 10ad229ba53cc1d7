"""One thread a process, as the suite runs on all cores already; the same random numbers and width in every test."""

import os
import signal
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import jaxtyping
import pytest
import torch
from tests.shapes import checked

os.fsync = lambda file: None  # no test cuts the power
jaxtyping.jaxtyped = lambda **_: checked  # what --jaxtyping-packages writes before every function of ours
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores ctrl-C


@pytest.fixture(autouse=True)
def _alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist's; what is printed to a pipe is not folded
    torch.manual_seed(42)  # a number that no test asks for itself


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes and types of signatures are not checked, as they are not for users."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
