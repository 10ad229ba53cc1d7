"""Processes of their own, for the tests of ranks and of kills: started from a server that has imported torch once."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """What starts them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["glassworks.pretraining.run", "torch._dynamo"])  # what every optimizer imports
    return context


@pytest.fixture
def on_ranks(processes: ForkServerContext) -> Callable[..., None]:
    """A function to call another with what is given on so many ranks, which find their places as under torchrun."""

    def start(world: int, function: Callable[..., object], *given: Any) -> None:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        ranks = [processes.Process(target=as_rank, args=(rank, world, port, function, *given)) for rank in range(world)]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(240)
        assert [rank.exitcode for rank in ranks] == [0] * world

    return start


def as_rank(rank: int, world: int, port: int, function: Callable[..., object], *given: Any) -> None:
    """Call a function as one rank of several."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    function(*given)
