"""Processes of their own, for the tests of ranks and of kills: started from a server that has imported torch once."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["glassworks.pretraining.run", "torch._dynamo"])  # what every optimizer imports


def on_ranks(world: int, function: Callable[..., object], *given: Any) -> None:
    """Call a function on so many ranks, which find their places as under torchrun."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    ranks = [processes.Process(target=as_rank, args=(rank, world, port, function, *given)) for rank in range(world)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(240)
    assert [rank.exitcode for rank in ranks] == [0] * world


def as_rank(rank: int, world: int, port: int, function: Callable[..., object], *given: Any) -> None:
    """Call a function as one rank of several."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    function(*given)


def answered_until_ctrl_c(words: list[str]) -> tuple[int, int]:
    """The status of the studio's first page, and the exit code once it is interrupted."""
    command = [sys.executable, "-m", "glassworks", *words, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        address = child.stdout.readline().removeprefix("Studio: ").strip()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(address) as answer:
            status = answer.status
        child.send_signal(signal.SIGINT)
    return status, child.returncode


def opens_a_page(words: list[str]) -> bool:
    """Whether a command serves a page until it is interrupted."""
    return words[0] == "studio" or (words[0] == "choose" and not {"--export", "--figures"} & set(words))
