"""The folders that Python itself has to read while a program runs: its own library and the system's shared ones."""

import os
import sysconfig
from pathlib import Path

SHARED = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


def readable() -> list[str]:
    """Those that there are, links and what lies in another of them left out, so that each is one place."""
    paths = sysconfig.get_paths()
    wanted = {os.path.realpath(name) for name in (paths["stdlib"], paths["platstdlib"])}
    wanted |= {os.path.realpath(name) for name in SHARED if Path(name).is_dir()}
    return sorted(name for name in wanted if not any(name.startswith(other + "/") for other in wanted))


def hidden() -> list[str]:
    """Folders of installed packages in them: no program needs these, and a task's answers may lie there."""
    found: set[str] = set()
    for name in readable():
        for kind in ("site-packages", "dist-packages"):
            found |= {str(path) for path in (*Path(name).glob(kind), *Path(name).glob(f"python*/{kind}"))}
    return sorted(found)


def without_hidden() -> list[str]:
    """What is readable as a list of places with nothing hidden beneath any."""
    secret, found, left = hidden(), [], readable()
    while left:
        name = left.pop()
        if not any(other == name or other.startswith(name + "/") for other in secret):
            found.append(name)
        elif name not in secret:
            left += [entry.path for entry in os.scandir(name) if not entry.is_symlink()]
    return found


def links() -> dict[str, str]:
    """The links that lead there by other names, as /lib does to /usr/lib: what each is a link to."""
    paths = sysconfig.get_paths()
    named = {paths["stdlib"], paths["platstdlib"], *(name for name in SHARED if Path(name).is_dir())}
    return {name: os.path.realpath(name) for name in sorted(named) if Path(name).is_symlink()}
