"""The command `glassworks`: finds the command asked for, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 a bug of ours (with its traceback), 2 something the user can mend, 130 interrupted, 141 nobody
reads what it prints any more.
"""

import errno
import importlib
import io
import opcode
import os
import signal
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path

from glassworks.cli.arguments.parse import Arguments
from glassworks.core.called import command
from glassworks.core.progress import showing

COMMANDS = {
    "demo": "train a GPT on this machine's own Python library, measure it, and open it up: a few minutes",
    "train": "train a network on text, images, a table or pairs of texts, by a recipe; or go on by --resume",
    "choose": "say which of several options is better, on a page in the browser; see how far people agree",
    "tune": "tune a language model on examples: fine-tuning, preferences, rewards",
    "sample": "let a run's model write, as it writes",
    "eval": "measure a run's model on all that it holds out, beside the baselines",
    "predict": "say what a network sees in images or in the rows of a table, or makes of texts",
    "data": "the card of labelled data: what there is, and what would make a score on it wrong",
    "export": "write a network for images or tables as an ONNX file",
    "optimizers": "list every way to train: by gradients, by search, by rules; or show one in full",
    "losses": "list every loss: what it asks for, what an outlier does, when to take it; or show one in full",
    "metrics": "list every metric: what it can come to, when to take it and when not; or show one in full",
    "tokenizer": "train a tokenizer, or show how one cuts a text",
    "micro": "the scalar engine: train it on moons, draw a graph, play backward step by step",
    "studio": "watch trainings, open networks up and touch every number, on a page in the browser",
    "runs": "list runs, or compare some",
    "report": "write a run's page",
    "look": "look inside a model by any of the methods, with their controls, on one page",
    "reproduce": "repeat a published result, its figure beside ours",
}


NEEDS_LESS = {
    "--batch-size": "a smaller",
    "--accumulate": "a larger",
    "--recompute": "",
    "--model.n-ctx": "a shorter",
    "--n-ctx": "a shorter",
}
"""Flags that save memory, and how."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit. To be asked to end is to be interrupted, as by ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # paths are printed as they are, whatever their bytes
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    words = Arguments(arguments[1:])
    try:
        return answer(arguments, words)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        give_up_output()  # the reader has left; so do we
        return 141
    except Exception as error:
        if not is_users(error):
            raise
        if isinstance(error, OSError) and error.filename is None:
            give_up_output()
        message = describe(error, words)
        say(words.in_flags(message) if isinstance(error, ValueError) else words.with_flags(message))
        if os.environ.get("GLASSWORKS_DEBUG"):
            traceback.print_exc()
        return 2


def answer(arguments: list[str], words: Arguments) -> int:
    """What the first word asks for, printed to its end."""
    try:
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        if arguments[0] in ("-V", "--version"):
            from glassworks import __version__

            print(__version__)
            return 0
        name = arguments[0]
        if name not in COMMANDS:
            near = get_close_matches(name, [*COMMANDS, "--help", "--version"], n=1)
            hint = f": did you mean {near[0]}?" if near else f"; see {command('--help')}"
            say(f"there is no command {name!r}{hint}")
            return 2
        from glassworks.core.machine import company

        company.watch()
        with showing(True):
            return int(importlib.import_module(f"glassworks.cli.{name}").run(words) or 0)
    finally:
        sys.stdout.flush()  # where it can still be told that this fails


def give_up_output() -> None:
    """Let what cannot be printed go, or Python tries again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_users(error: Exception) -> bool:
    """Whether an error is the user's to mend: ours on purpose, or the system's.

    A ValueError is ours on purpose where a `raise` of ours made it; one that comes out of a call, of `int` or of a
    library, is a bug.
    """
    from glassworks.core.errors import GlassworksError

    if isinstance(error, GlassworksError | OSError | MemoryError) or is_out_of_memory(error):
        return True
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    if where is None or not isinstance(error, ValueError):
        return False
    code = where.tb_frame.f_code
    ours = Path(__file__).parents[1] in Path(code.co_filename).parents
    return ours and code.co_code[where.tb_lasti] == opcode.opmap["RAISE_VARARGS"]


def describe(error: Exception, arguments: Arguments) -> str:
    """An error in one line, with the remedy where the system's message has none."""
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}{remedy(error, arguments)}"
    if isinstance(error, MemoryError) or is_out_of_memory(error):
        less = [f"{how} {flag}".strip() for flag, how in NEEDS_LESS.items() if flag in arguments.names]
        return f"out of memory: {' or '.join(less) or 'a smaller model, or less text,'} needs less"
    return " ".join(str(error).split())


def remedy(error: OSError, arguments: Arguments) -> str:
    """What to do about an error of the system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "; make room, then go on: a training by --resume, anything else by the same command"
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        return "; choose another name" if arguments.output else "; move it out of the way"
    if error.errno == errno.ENAMETOOLONG:
        return "; choose a shorter name"
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ""
    path = error.filename
    if isinstance(path, str) and Path(path).exists() and not os.access(path, os.R_OK):
        return "; ask for the right to read it, or leave it out"
    if flag := arguments.output:
        return f"; choose a folder that you may write to by {flag}"
    return "; copy the run to a folder that you may write to"


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch could not allocate: it says so by a RuntimeError on every device."""
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def say(message: str) -> None:
    """One line to the user."""
    print(f"glassworks: {message}", file=sys.stderr)


def usage() -> str:
    """What `glassworks --help` prints."""
    from glassworks.core.columns import help_width, listed

    commands = "\n".join(listed(COMMANDS, help_width()))
    return (
        "usage: glassworks <command> [options]\n\n"
        "Raise neural networks for text, images and tables,\nand see through them.\n\n"
        f"{commands}\n\n"
        f"`{command()} <command> --help` shows a command's options, -V the version."
    )
