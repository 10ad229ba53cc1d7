"""What a model has seen: the training text of its run, and of those that it goes back to by `start_from`."""

from typing import Any

from glassworks.core.progress import going_on
from glassworks.core.runs import Run
from glassworks.data.text.overlap import share_within
from glassworks.data.text.shards import Corpus, open_corpus
from glassworks.pretraining.base import run_of


def corpus_at_hand(run: Run) -> Corpus | None:
    """The token shards that a run was started on, unless they were deleted."""
    path = run.path / run.record.get("corpus", {}).get("path", "no corpus")
    return open_corpus(path) if (path / "meta.json").is_file() else None


def runs_before(start_from: str | None) -> list[Run]:
    """The run whose model this is, the one that it started from, and so on, as far as they are still there."""
    runs: list[Run] = []
    while start_from is not None and (run := run_of(start_from)) is not None and run not in runs:
        runs.append(run)
        start_from = run.record.get("recipe", {}).get("start_from")  # of text, or of a tuning
    return runs


def corpora_seen(start_from: str | None) -> dict[str, Corpus]:
    """By name, the corpora that those runs were trained on, unless they were deleted."""
    corpora = {run.name: corpus_at_hand(run) for run in runs_before(start_from)}
    return {name: corpus for name, corpus in corpora.items() if corpus is not None}


def seen_before(corpus: Corpus, start_from: str | None) -> dict[str, Any]:
    """What run.json says of the held-out text of a run that starts from another's model; nothing of other runs.

    `seen` = the share of it in the training text of the run and of those before it; `before` = their names.
    """
    corpora = corpora_seen(start_from)
    if not corpora:
        return {}
    with going_on("look for what is held out in what the model was trained on"):
        seen = share_within(corpus.val, corpus.train, *(one.train for one in corpora.values()))
    return {"seen": seen, "before": list(corpora)}
