"""The walls of a sandbox by name, and what they come to: four levels, from none to every way shut twice."""

from collections.abc import Iterable

LAYERS = {
    "process": "a process of its own, killed at its time limit, whose answers are judged outside it",
    "limits": "limits on processor time, memory, files, and no new process or thread",
    "namespaces": "no network, no other process in sight, and no files but Python's own library",
    "landlock": "files: Python's own library to read, one small folder to write, no TCP",
    "seccomp": "system calls: a list of what computing needs; no sockets, processes, signals or rights",
}
LEVELS = {
    0: "a bare process: whatever you may do, the program may",
    1: "limited: time and memory are held, but the program can read your files and use the network",
    2: "shut: files, network and processes are each behind one wall at least",
    3: "shut twice: files, network and processes are each behind two walls",
}
WAYS = {
    "files": ("namespaces", "landlock"),
    "network": ("namespaces", "seccomp"),
    "processes": ("namespaces", "seccomp"),
}
"""The ways out, and the layers that shut each."""


def level_of(layers: Iterable[str]) -> int:
    """The level that some layers in force come to.

    >>> level_of(["process", "limits"]), level_of(LAYERS), level_of(["limits", "landlock", "seccomp"])
    (1, 3, 2)
    """
    there = set(layers)
    if "limits" not in there:
        return 0
    return 1 + min(sum(wall in there for wall in walls) for walls in WAYS.values())


def in_words(layers: Iterable[str]) -> str:
    """One line for a report: the level, and what is in force and what is not.

    >>> in_words(["process", "limits", "landlock", "seccomp"])
    'sandbox level 2 of 3 (shut): process, limits, landlock, seccomp; absent here: namespaces'
    """
    there = set(layers)
    level = level_of(there)
    absent = [name for name in LAYERS if name not in there]
    said = f"sandbox level {level} of 3 ({LEVELS[level].split(':')[0]}): {', '.join(n for n in LAYERS if n in there)}"
    return said + (f"; absent here: {', '.join(absent)}" if absent else "")
