"""A run of choices: a folder as any run's, with the store in it, or the URL of the server that has it.

runs/<name>/run.json          kind choices; parent: the model that made the options
runs/<name>/choices.sqlite    the store, unless run.json names a server
"""

from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.runs import ROOT, Run, refuse_existing
from glassworks.data.choices.database import URL
from glassworks.data.choices.store import Store

KIND, FILE = "choices", "choices.sqlite"


def begin(path: Path, *, command: list[str], store: str | None = None, settings: dict[str, Any], **record: Any) -> Run:
    """Begin a run of choices in a new folder, with its store.

    Args:
        path: the folder.
        command: what was called.
        store: a server's URL; None = a file in the folder. A password does not belong in it: run.json keeps it.
        settings: of the store: seed, repeats, overlap, guidelines.
        record: what else run.json says, such as the parent.

    Raises: ValueError for a URL with a password; RunError where the folder is taken, or the server does not answer.
    """
    refuse_existing(path)
    if store is not None and "@" in store and ":" in store.split("://", 1)[-1].split("@")[0]:
        raise ValueError("store has a password, which run.json would keep: set PGPASSWORD, or leave it to ~/.pgpass")
    if store is not None:
        Store(store).close()  # that it answers, before there is a run
    run = Run.create(path, kind=KIND, command=command, recipe=settings, **record, **({"store": store} if store else {}))
    store_of(run, create=True).set(**settings)
    return run


def store_of(run: Run, *, create: bool = False) -> Store:
    """A run's store; RunError where the run is of another kind, or its file is gone."""
    if run.kind_name != KIND:
        raise RunError(f"{run.path} is {run.kind.what}, and holds no choices: `choose` begins a run that does")
    where = run.record.get("store")
    path = run.path / FILE
    if where is None and not create and not path.is_file():
        raise RunError(f"{path} is gone: restore it, or begin anew with choose")
    return Store(where or path, create=create)


def where_of(name: str) -> str | None:
    """The store of the run of choices that a name means, by path or name below runs/; None where it means none."""
    for path in (Path(name), ROOT / name):
        if name and (path / "run.json").is_file() and Run(path).kind_name == KIND:
            return str(Run(path).record.get("store") or path / FILE)
    return None


def open_store(name: str | Path) -> Store:
    """A store by what a user names: a run of choices, its file, or a server's URL."""
    text = str(name)
    if URL.match(text) or Path(text).is_file():
        return Store(text, create=False)
    return store_of(Run.open(text, "choose"))
