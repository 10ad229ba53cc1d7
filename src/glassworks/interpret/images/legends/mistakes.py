"""The legend of the most confident mistakes of a network of images."""

from glassworks.trace.legend import Dimension, Legend, Quantity

MISTAKES = Legend(
    title="The most confident mistakes",
    question="Which images does it take for something else, and is surest of it?",
    reading=(
        "Below each image what it is taken for, how surely, and what its label says. Look at them first: some may be "
        "labelled wrongly, and what the others share is what the network has not learned."
    ),
    quantities={
        "image": Quantity("the most confident mistakes", note="Of the test part, the surest first.", captions="said"),
        "said": Quantity(show="beside"),
    },
    axes={"mistake": Dimension("rank"), "colour": Dimension("channel")},
)
