"""What the report shows of an encoder-decoder from the inside, written into its run."""

from glassworks.core.runs import Run
from glassworks.draw.scales import evenly
from glassworks.interpret.translation.cross import cross_attention
from glassworks.interpret.translation.legends import PAIRS
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.train.opening import OpenedPairs, open_run
from glassworks.translation.recipe import pair_recipe_of

LOOKED_AT = 200
"""Test pairs among which those that are drawn are chosen."""


def trace_pairs(run: Run) -> int:
    """Write traces/cross_attention of a run, for three of its test pairs; returns how many."""
    opened = open_run(run, use="report")
    assert isinstance(opened, OpenedPairs)
    texts = opened.data.test.texts[:LOOKED_AT]
    some = spread(texts, PAIRS)
    untrained = Seq2Seq(opened.model.config, seed=pair_recipe_of(run).seed)
    trace = cross_attention(opened.model, opened.tokenizer, some, untrained=untrained)
    folder = run.path / "traces"
    folder.mkdir(exist_ok=True)
    trace.save(folder / "cross_attention")
    return len(some)


def spread(texts: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """Some pairs of different length, evenly from the longer half, where there is more to see."""
    ranked = sorted(texts, key=lambda pair: len(pair[0]) + len(pair[1]))
    longer = ranked[min(len(ranked) // 2, max(0, len(ranked) - most)) :]
    return [longer[i] for i in evenly(len(longer), most)]
