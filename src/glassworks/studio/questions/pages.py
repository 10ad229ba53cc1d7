"""What is on a page as one file: its data, and the answers to all that it should be able to ask by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from glassworks.studio.answers import answer_of
from glassworks.studio.offline import offline_page
from glassworks.studio.questions import transformer as prompts
from glassworks.studio.studio import Studio

COMPONENTS = ("curves", "digits", "othello")
"""Files of web/src/mounts, without suffix, that live by what was asked."""
MOST = 600
"""Questions of a page."""
LARGEST = 48 * 2**20
"""Bytes of a page."""

NUMBERS = 2**22
"""Of all blocks of a GPT that a page holds; of larger models it holds one block."""
LISTED = 24
"""Tokens whose columns of the unembedding it holds."""


def keep(
    studio: Studio,
    component: str,
    title: str,
    data: Mapping[str, Any] | None = None,
    begin: Mapping[str, Any] | None = None,
    asked: Sequence[Mapping[str, Any]] = (),
    chosen: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The page: {"html"}.

    Args:
        studio: who answers.
        component: one of `COMPONENTS`.
        title: the page's.
        data: what the component takes; or
        begin: the question, {"question", "args"}, of which that is the answer.
        asked: other questions, whose answers go into the page; web/src/lib/kept.ts answers by them.
        chosen: what is chosen on the page, as its address says it.
    """
    if component not in COMPONENTS:
        raise ValueError(f"component (={component!r}) must be {', '.join(COMPONENTS)}: reload the page")
    if len(asked) > MOST:
        raise ValueError(f"a page answers at most {MOST} questions, not {len(asked)}: keep less")
    answers = [{**one, "answer": answer(studio, one)} for one in asked]
    data = {**(data or {}), **(answer(studio, begin) if begin else {})}
    html = offline_page(title, component, {**data, "answers": answers, "chosen": dict(chosen or {})})
    if len(html) > LARGEST:
        raise ValueError(f"the page has {len(html) / 2**20:.0f} MB, and at most {LARGEST >> 20} are kept: choose less")
    return {"html": html}


def answer(studio: Studio, asked: Mapping[str, Any]) -> Any:
    """The answer to one question; ValueError for what is none, and for one that would keep a page in a page."""
    if set(asked) != {"question", "args"} or not isinstance(asked["args"], dict):
        raise ValueError("a question to keep has its name and its arguments: reload the page")
    name = str(asked["question"])
    if name.startswith("pages.") or name.endswith(".page"):
        raise ValueError(f"{name} is a page itself: leave it out")
    return answer_of(studio, name, asked["args"])


# ----------------------------------------------------------------------------------------------------------------------
# A GPT's prompt, every value of it


def transformer(
    studio: Studio,
    run: str,
    text: str,
    block: int = 0,
    step: int | None = None,
    written: list[int] | None = None,
    edits: list[dict[str, Any]] | None = None,
    start: int | None = None,
) -> dict[str, Any]:
    """The Transformer page as it stands: {"html"}."""
    data = whole_prompt(studio, run, text, block, step=step, written=written, edits=edits, start=start)
    return {"html": offline_page(f"{run} reads", "transformer", data)}


def whole_prompt(studio: Studio, run: str, text: str, chosen: int = 0, **more: Any) -> dict[str, Any]:
    """All that the component shows without a studio: the pass, its blocks, weights (the first columns) and lens."""
    passed = prompts.forward(studio, run, text, **more)
    facts, step = passed["model"], more.get("step")
    layers = range(facts["layers"])
    size = len(passed["tokens"]) * (10 * facts["width"] + 3 * facts["neurons"]) * len(layers)
    blocks = layers if size <= NUMBERS else [chosen]
    parts = ["up", "down", *(["gate"] if facts["gated"] else [])] if facts["neurons"] else []
    matrices = {
        f"{name}.{i}.0.0": prompts.matrix(studio, run, name, i, step=step) for i in blocks for name in ("proj", *parts)
    }
    matrices |= {
        f"{name}.{i}.{head}.0": prompts.matrix(studio, run, name, i, head, step)
        for i in blocks
        for head in range(facts["heads"])
        for name in ("q", "k", "v")
    }
    matrices["unembed.0.0.0"] = prompts.matrix(studio, run, "unembed", step=step, ids=passed["listed"][:LISTED])
    return {
        "run": run,
        "text": text,
        "forward": passed,
        "blocks": {i: prompts.block(studio, run, text, i, **more) for i in blocks},
        "matrices": matrices,
        "norms": {i: prompts.norms(studio, run, i, step) for i in blocks},
        "lens": prompts.lens(studio, run, text, **more),
    }
