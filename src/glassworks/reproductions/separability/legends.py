"""Legends: what is asked of random layers, and how the answers are read."""

from glassworks.trace.legend import Dimension, Legend, Quantity

COVER = "random labels, by Cover's count"
LABELS = "one layer, random labels"

WIDTHS = Legend(
    title="How wide a random layer must be",
    question="From which width on does a random layer make the two sets linearly separable?",
    measure=(
        "Share of {trials} random networks of each width after which a hyperplane has {points} points of two sets on "
        "its two sides, decided by linear program; {set}. All kinds of network have the same random numbers."
    ),
    reading=(
        "A line that rises further left needs fewer neurons. Between one layer and the code's biases lies nothing but "
        "the law that biases are drawn by; where a line is above that of random labels, the layer makes use of how the "
        "sets lie, and where it is on it, so many neurons separate anything."
    ),
    nothing="All lines on that of random labels.",
    control=(
        "Labels shuffled among the same points, so that sets stay as large as they are; and Cover's count, exact for "
        "points in general position, over all labellings: sets of unequal size are easier to separate than most."
    ),
    quantities={
        "separable": Quantity(
            "separable, share of networks", "Whiskers come of the binomial interval.", error="error", ends=(0.0, 1.0)
        ),
        "error": Quantity("half of Wilson's 95 % interval, over 1.96", show="beside"),
        "low": Quantity("lower end of the 95 % interval", show="folded"),
        "high": Quantity("upper end of the 95 % interval", show="folded"),
    },
    numbers={"trials": "", "points": "", "set": "", "close": "decisions within rounding of the other"},
    axes={
        "network": Dimension("class", controls=(LABELS, COVER)),
        "width": Dimension("value", "neurons of a layer"),
    },
)

REACH = Legend(
    title="How far biases must reach",
    question="How does separation depend on the range of the biases, in units of the points' largest norm?",
    measure="Share of {trials} random layers of {width} neurons that make the sets separable; {set}.",
    reading=(
        "At 0 both laws are one. The stated one puts kinks on both sides of the origin; the code's, all of them "
        "positive, leave neurons that are linear over many of the points."
    ),
    nothing="Two lines on each other, that do not rise.",
    control="Biases of 0, which leave a layer with kinks at the origin alone.",
    quantities=WIDTHS.quantities,
    numbers={"trials": "", "width": "", "set": ""},
    axes={"network": Dimension("class"), "reach": Dimension("value", "lambda, in largest norms")},
)
