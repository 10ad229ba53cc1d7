"""The legend of where an encoder-decoder looks while it writes."""

from glassworks.trace.legend import Dimension, Legend, Quantity

PAIRS = 3
"""Pairs that are looked at."""

READING = (
    "A row is a token that is written, from the start token on, and shows where the network looks before it writes the "
    "next one; a column is a token that is read. Each row sums to 1."
)

CROSS_ATTENTION = Legend(
    title="Where it looks while it writes",
    question="Which words of the source does each layer of the decoder look at before it writes a token?",
    reading=READING,
    nothing=(
        "A network that has learned nothing looks at all words nearly alike, as its untrained neighbour does: every "
        "row is one pale colour."
    ),
    control="An untrained network of the same shape on the same pair, on the same scale.",
    quantities={
        name: quantity
        for pair in range(PAIRS)
        for name, quantity in {
            f"weight_{pair}": Quantity(
                f"pair {pair + 1}",
                note=f"Share of its attention, mean over the heads. “{{source_{pair}}}” becomes “{{target_{pair}}}”.",
                controls=(f"untrained_{pair}",),
                ends=(0.0, 1.0),
            ),
            f"untrained_{pair}": Quantity("untrained", show="beside"),
            f"heads_{pair}": Quantity(
                f"pair {pair + 1}, each head by itself",
                note="Share of its attention, head by head.",
                show="folded",
                ends=(0.0, 1.0),
            ),
        }.items()
    },
    axes={
        f"{axis}_{pair}": Dimension("token", title)
        for pair in range(PAIRS)
        for axis, title in (("written", "written"), ("read", "read"))
    },
    numbers={f"{side}_{pair}": "" for pair in range(PAIRS) for side in ("source", "target")},
)
