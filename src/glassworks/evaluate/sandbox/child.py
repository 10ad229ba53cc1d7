"""One program, in a process that has begun for it alone: the walls go up, it runs, and what its calls return goes back.

Nothing here is trusted by who judges: a program may change anything in its process, this file's functions too. What it
is not told are the values that are expected.
"""

import builtins
import os
import time
from collections.abc import Sequence
from typing import Any

from glassworks.evaluate.sandbox import wire

RESULTS = 3
"""The one handle that a program is left, besides three of nothing."""


def shut(layers: Sequence[str], told: dict[str, Any], scratch: str, rules: int | None) -> None:
    """Every wall that belongs to a process, in the order in which one still can; `rules` are Landlock's."""
    from glassworks.evaluate.sandbox.walls import landlock, libc, limits, seccomp

    os.chdir(scratch)
    if "limits" in layers:
        limits.limit(told["cpu"], told["megabytes"])
        limits.become_nobody()
    if "namespaces" in layers or "landlock" in layers or "seccomp" in layers:
        libc.prctl(libc.NO_NEW_PRIVILEGES, 1)
        libc.drop_capabilities()
        if rules is not None:
            landlock.shut_files(rules)
        if "seccomp" in layers:
            seccomp.shut_calls()


def execute(told: dict[str, Any]) -> None:
    """Run a program, then its calls, each on arguments made anew; a line for each as soon as it is there."""
    write, clock, packed, line = os.write, time.perf_counter, wire.packed, wire.line
    names: dict[str, Any] = {"__name__": "program", "__builtins__": builtins}
    try:
        exec(compile(told["program"], "program", "exec"), names)
    except BaseException as error:  # SystemExit, too
        send(write, line(["no", wire.class_name(type(error))]))
        return
    for call in told["calls"]:
        began = clock()
        try:
            text = isinstance(call, str)
            returned = eval(call, names) if text else names[told["name"]](*wire.unpacked(call))
            answer = ["ok", packed(returned), clock() - began]
        except BaseException as error:
            answer = ["no", wire.class_name(type(error)), clock() - began]
        send(write, line(answer))
    send(write, line(["end", told["nonce"], len(told["calls"])]))


def send(write: Any, text: bytes) -> None:
    """All of it, whatever the pipe takes at once."""
    while text:
        text = text[write(RESULTS, text) :]
