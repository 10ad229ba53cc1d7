"""What is on a page as one file: its data, and the answers to all that it should be able to ask by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from glassworks.studio.answers import answer_of
from glassworks.studio.offline import offline_page
from glassworks.studio.studio import Studio

COMPONENTS = ("curves", "digits", "othello")
"""Files of web/src/mounts, without suffix, that live by what was asked."""
MOST = 600
"""Questions of a page."""
LARGEST = 48 * 2**20
"""Bytes of a page."""


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
    if str(asked["question"]).endswith((".page", ".keep")):
        raise ValueError(f"{asked['question']} is a page itself: leave it out")
    return answer_of(studio, asked["question"], asked["args"])
