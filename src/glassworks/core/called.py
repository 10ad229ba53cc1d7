"""How this program was called, so that the commands it advises work when they are pasted."""

import shlex
import shutil
import sys
from pathlib import Path


def command(*words: str | Path) -> str:
    """`glassworks WORDS...` as a line for the shell this was called from, quoted where it must be.

    The word alone where the shell finds it, else the path by which this process was called (`.venv/bin/glassworks`),
    or `python -m glassworks`.
    """
    return again(["glassworks", *map(str, words)])


def again(words: list[str]) -> str:
    """The line that calls a kept command again: one that begins with `glassworks`, or another as it is."""
    if words[:1] == ["glassworks"]:
        return " ".join(filter(None, [program(), shlex.join(words[1:])]))
    return shlex.join(words)


def program() -> str:
    """What calls glassworks from here."""
    called = Path(sys.argv[0]) if sys.argv and sys.argv[0] else Path()
    if called.name == "__main__.py" and called.parent.name == "glassworks":
        return f"{python()} -m glassworks"
    if called.name != "glassworks" or found_as("glassworks", called.resolve()):
        return "glassworks"  # the shell knows the word; or we are no command at all, but in a notebook or a test
    return shlex.quote(near(called))


def python() -> str:
    """What calls the Python that this runs in."""
    own = Path(sys.executable or "python").absolute()  # not resolved: an environment's is a link to another one
    for word in ("python", "python3"):
        found = shutil.which(word)
        if found is not None and Path(found).absolute() == own:
            return word
    return shlex.quote(near(own))


def install(package: str) -> str:
    """The command that installs a package where this Python finds it."""
    return f"{python()} -m pip install {package}"


def found_as(word: str, path: Path) -> bool:
    """Whether the shell finds this file by the word."""
    found = shutil.which(word)
    return found is not None and Path(found).resolve() == path


def near(path: Path) -> str:
    """A path as it is shortest to type from here."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
