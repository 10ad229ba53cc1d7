"""What an encoder-decoder makes of texts, as `predict` prints it."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import GlassworksError
from glassworks.core.files import at_home
from glassworks.data.pairs.read import lines_of
from glassworks.train.opening import OpenedPairs
from glassworks.translation.recipe import PairRecipe, pair_recipe_of
from glassworks.translation.translate import Translation, translate

AT_ONCE = 64


def print_translations(
    opened: OpenedPairs,
    files: Sequence[str],
    texts: Sequence[str],
    *,
    top: int,
    as_json: bool,
    broken: Callable[[Exception], object],
) -> None:
    """A line for each text, and for each line of a file, with its likeliest translations."""
    recipe = PairRecipe() if opened.run is None else pair_recipe_of(opened.run)
    waiting = list(texts)

    def print_waiting() -> None:
        for text, ranked in translated(opened, waiting, max(top, recipe.beams), recipe.length_penalty, broken):
            print(json.dumps(json_of(text, ranked[:top]), ensure_ascii=False) if as_json else line(text, ranked[:top]))
        waiting.clear()

    for file in files:
        try:
            for text in lines_in(file):
                waiting.append(text)
                if len(waiting) >= AT_ONCE:
                    print_waiting()
        except (ValueError, GlassworksError, OSError) as error:
            print_waiting()
            broken(error)
    print_waiting()


def translated(
    opened: OpenedPairs, texts: Sequence[str], beams: int, alpha: float, broken: Callable[[Exception], object]
) -> Iterator[tuple[str, list[Translation]]]:
    """Each text with its translations; those that cannot be read one by one are told."""
    try:
        found = translate(opened.model, opened.tokenizer, texts, beams=beams, alpha=alpha)
        yield from zip(texts, found, strict=True)
    except ValueError as error:
        if len(texts) == 1:
            broken(error)
            return
        for text in texts:
            yield from translated(opened, [text], beams, alpha, broken)


def lines_in(name: str) -> Iterator[str]:
    """The lines of a file that have something in them; `-` is what is piped in."""
    if name == "-":
        yield from (text for _, text in lines_of(sys.stdin.buffer, Path("what is piped in")))
        return
    with at_home(name).open("rb") as opened:
        yield from (text for _, text in lines_of(opened, at_home(name)))


def line(text: str, ranked: Sequence[Translation]) -> str:
    """In words: `may third, nineteen oh two  1902-05-03 0.981  1902-05-02 0.004`."""
    return "  ".join([text, *(f"{one.text} {one.probability:.3f}" for one in ranked)])


def json_of(text: str, ranked: Sequence[Translation]) -> dict[str, Any]:
    """The same as JSON has it."""
    best = ranked[0]
    others = [{"text": one.text, "probability": one.probability, "score": one.score} for one in ranked]
    return {"source": text, "text": best.text, "probability": best.probability, "hypotheses": others}
