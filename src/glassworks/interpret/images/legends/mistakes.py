"""Legends of what a network says of images: of some, and its most confident mistakes."""

from glassworks.trace.legend import Dimension, Legend, Quantity

MISTAKES = Legend(
    title="The most confident mistakes",
    question="Which images does it take for something else, and is surest of it?",
    measure="Test images whose answer is wrong, by the probability that the network gives to its answer.",
    reading=(
        "Below each image what it is taken for, how surely, and what its label says. Look at them first: some may be "
        "labelled wrongly, and what the others share is what the network has not learned."
    ),
    nothing="A network that is never sure of what is wrong has no image here with a high probability.",
    control="How often it is right where it is as sure, in the part on its probabilities.",
    quantities={
        "image": Quantity("the most confident mistakes", note="Of the test part, the surest first.", captions="said"),
        "said": Quantity(show="beside"),
    },
    axes={"mistake": Dimension("rank"), "colour": Dimension("channel")},
)

PREDICTIONS = Legend(
    title="What it says of some images",
    question="What does it say of images that it was not trained on?",
    measure="The answer and its probability, of some of the {num_images} test images, evenly spaced among them.",
    reading="Below each image what it is taken for, and how surely; and what it is, where that is something else.",
    nothing="A network that has learned nothing is as sure of every class, and mostly wrong.",
    control="What its rivals get right of the same test part, in the table above.",
    quantities={
        "image": Quantity("what it says of some test images", captions="said"),
        "said": Quantity(show="beside"),
    },
    numbers={"num_images": ""},
    axes={"prediction": Dimension("rank"), "colour": Dimension("channel")},
)
