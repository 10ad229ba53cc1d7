"""An encoder-decoder on pairs that it was not trained from."""

from collections.abc import Sequence
from typing import Any

from glassworks.core.progress import counted
from glassworks.data.pairs.prepare import nothing_in
from glassworks.data.pairs.read import PairSource
from glassworks.data.pairs.splits import Splitter
from glassworks.evaluate.translation.run import measure
from glassworks.train.opening import OpenedPairs
from glassworks.translation.recipe import PairRecipe, pair_recipe_of


def evaluate_other(opened: OpenedPairs, data: Sequence[str]) -> dict[str, Any]:
    """Measure a network on all pairs of some files, as `measure` does; nothing is written.

    A run's own columns are read, and its rivals look up in its training pairs; a model folder has neither. Pairs of
    which a side is too long for the network are left out, and counted.

    Raises: ValueError where there is no pair, or none that is short enough; OSError for a file that is not there.
    """
    recipe = PairRecipe() if opened.run is None else pair_recipe_of(opened.run)
    plain = PairSource(tuple(data))
    has_columns = any(not file.name.lower().endswith((".po", ".mo")) for file in plain.files())
    source = PairSource(tuple(data), recipe.source, recipe.target) if has_columns else plain
    splitter = Splitter(0.0, 0.0)
    texts = [(pair.source, pair.target) for _, pair in splitter(source.pairs())]
    if not texts:
        raise ValueError(nothing_in(source))
    room = opened.model.config.n_ctx - 1
    short = [pair for pair in texts if max(len(opened.tokenizer.encode(text)) for text in pair) <= room]
    if not short:
        raise ValueError(f"{', '.join(data)} has no pair of at most {room} tokens, which the network reads")
    pairs = None if opened.run is None else opened.data
    result = measure(opened, pairs, short, beams=recipe.beams, alpha=recipe.length_penalty)
    left_out = len(texts) - len(short)
    long = [f"{counted(left_out, 'pair')} left out: more than {room} tokens"] if left_out else []
    return result | {"notes": [*splitter.notes(), *long, *result["notes"]]}
