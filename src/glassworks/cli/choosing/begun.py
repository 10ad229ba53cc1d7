"""From what is typed to a run of choices: one that is there, or one that is begun with options to choose among."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassworks.core.called import command as call
from glassworks.core.files import at_home
from glassworks.core.places import model_path
from glassworks.core.progress import counted, say
from glassworks.core.runs import ROOT, Run
from glassworks.data.choices.formats.rows import READS
from glassworks.data.choices.runs import KIND, begin, store_of

if TYPE_CHECKING:
    from glassworks.cli.choose import Choose


def begun(args: "Choose", typed: list[str]) -> Run:
    """The run to choose in. What cannot be read or opened is refused before there is one."""
    there = existing(args)
    if there is not None:
        return there
    path = path_of(args)
    name = at_home(args.what[0])
    settings = {"what": list(args.what), "seed": args.seed, "repeats": args.repeats, "overlap": args.overlap}
    settings |= {"guidelines": args.guidelines} if args.guidelines else {}
    new: dict[str, Any] = {"command": ["glassworks", "choose", *typed], "store": args.store, "settings": settings}
    if len(args.what) == 1 and name.is_dir() and model_path(args.what[0]) is not None and not is_model_folder(name):
        return from_images(args, path, name, new)
    if len(args.what) == 1 and name.name.lower().endswith(READS):
        return from_file(path, name, new)
    return from_models(args, path, new)


def existing(args: "Choose") -> Run | None:
    """The run of choices that is named, or the one that the same call has begun."""
    is_file = args.what[0].lower().endswith(READS)
    if len(args.what) == 1 and model_path(args.what[0]) is None and not is_file:
        run = Run.open(args.what[0])
        if run.kind_name == KIND:
            return run
    path = path_of(args)
    if not (path / "run.json").is_file() or Run(path).kind_name != KIND:
        return None
    begun_with = Run(path).record.get("recipe", {}).get("what")
    if begun_with != list(args.what):
        raise ValueError(f"{path} holds choices of {begun_with}: give the new ones another --name")
    say(f"going on with {path}: --name begins another")
    return Run(path)


def path_of(args: "Choose") -> Path:
    """Where the run is: as named, or called as what is chosen among."""
    if args.name is not None:
        given = at_home(args.name)
        return given if given.parent != Path() else ROOT / given
    first = at_home(args.what[0])
    stem = first.parent.name if first.name == "model" else first.name.split(".")[0]
    return ROOT / f"{stem or 'my'}-choices"


def is_model_folder(path: Path) -> bool:
    """Whether a folder is a model's."""
    from glassworks.core.places import is_model

    return is_model(path)


def from_file(path: Path, file: Path, new: dict[str, Any]) -> Run:
    """A file's comparisons, with its choices where it has some."""
    from glassworks.data.choices.formats.table import read_into

    if not file.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(file))
    return filled(path, new, lambda run: f"{counted(read_into(store_of(run), file).rows, 'row')} of {file}")


def from_images(args: "Choose", path: Path, folder: Path, new: dict[str, Any]) -> Run:
    """A folder's images: a folder of each prompt, or pairs of all at random."""
    from glassworks.data.choices.formats.pictures import groups_of, image_comparisons

    groups = groups_of(folder, args.count, args.options, args.seed)

    def fill(run: Run) -> str:
        store = store_of(run)
        return counted(len(store.add(image_comparisons(store, groups))), "comparison")

    return filled(path, new, fill)


def from_models(args: "Choose", path: Path, new: dict[str, Any]) -> Run:
    """What one model writes several times behind each prompt, or several models once each."""
    from glassworks.core.places import run_named

    named = [Run.open(name) for name in args.what if model_path(name) is None]
    if named and all(run.kind_name == "policy" for run in named) and len(named) == len(args.what):
        return from_agents(args, path, named, new)
    for name in args.what:
        run_named(name, "sample")  # what is neither is refused before torch is loaded
    from glassworks.train.device import pick_device
    from glassworks.train.opening import open_text
    from glassworks.tune.options import Writers, compared, prompts_for

    opened = [open_text(name, pick_device(args.device), use="sample") for name in args.what]
    writers = Writers.of(opened, args.what, chat=args.chat)
    prompts = prompts_for(opened[0], args.prompts, args.count, args.seed)
    how = {"max_tokens": args.max_tokens, "temperature": args.temperature, "stop": args.stop}
    made = list(compared(writers, prompts, args.options, args.seed, **how))
    if not made:
        raise ValueError(f"temperature (={args.temperature}) writes the same every time: give a higher one")
    parent = opened[0].run if len(opened) == 1 else None
    new |= (
        {}
        if parent is None
        else {"parent": str(parent.path.resolve()), "parent_step": parent.last("metrics").get("step")}
    )
    return filled(path, new, lambda run: counted(len(store_of(run).add(made)), "comparison"))


def from_agents(args: "Choose", path: Path, agents: list[Run], new: dict[str, Any]) -> Run:
    """Clips of one agent, or each time of one agent and another."""
    from torch import device

    from glassworks.agents.clips import filmed
    from glassworks.agents.run import opened

    made = filmed([opened(run, device("cpu")) for run in agents], args.count, args.seed)
    new |= {"parent": str(agents[0].path.resolve())} if len(agents) == 1 else {}
    return filled(path, new, lambda run: counted(len(store_of(run).add(made)), "comparison"))


def filled(path: Path, new: dict[str, Any], fill: Callable[[Run], str]) -> Run:
    """A new run with what `fill` puts into it; nothing is left of it where that fails."""
    run = begin(path, **new)
    try:
        said = fill(run)
    except BaseException:
        for file in (path / "choices.sqlite", path / "run.json", path / ".run.json.lock"):
            file.unlink(missing_ok=True)
        path.rmdir()
        raise
    say(f"{said} in {path}: `{call('choose', path)}` goes on with them")
    return run
