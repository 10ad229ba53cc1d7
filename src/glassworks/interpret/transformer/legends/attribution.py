"""Legends of who wrote a prediction, or the stream: components and neurons."""

from glassworks.trace.legend import Dimension, Legend, Quantity

LOGIT_ATTRIBUTION = Legend(
    title="Who wrote the prediction",
    question="Which heads and MLPs put the predicted token’s logit where it is?",
    reading=(
        "A logit is a sum with one term for each component: the embedding, each head, each MLP. What lifts all "
        "logits alike changes no probability, so a dot is how far a term stands above what the same write adds "
        "to the average token of the vocabulary: to the right it speaks for the token that is predicted, to the "
        "left against it."
    ),
    nothing=(
        "Without anything to find, the token predicted is the one whose terms happen to add up: dots lie "
        "two or three times as far out as the whiskers reach, as the luckiest of thousands of tokens do, and none "
        "much farther."
    ),
    control=(
        "The whisker at each zero: how far what the same write adds to the vocabulary’s other tokens is spread, one "
        "standard deviation to both sides. And the terms of all components sum to the model’s logit, to rounding."
    ),
    quantities={
        "term": Quantity(
            "what each component adds to the logit of the token predicted",
            note=(
                "A term is only what is written for the last step to read; what a head does by way of later layers "
                "is in their terms."
            ),
            controls=("vocabulary_mean",),
        ),
        "vocabulary_mean": Quantity(
            "what the same write adds to the average token",
            note="The mean over the vocabulary.",
            show="beside",
            error="vocabulary_std",
        ),
        "vocabulary_std": Quantity("its spread over the vocabulary (standard deviation)", show="beside"),
        "target": Quantity("the token predicted at each place", show="beside", colours="logit"),
        "logit": Quantity("its logit, the sum of the column", show="beside"),
        "output": Quantity(
            "its logit as the model returns it",
            note="Where the architecture caps its logits softly, the sum and what is returned differ.",
            show="folded",
        ),
        "scale": Quantity("the number that the final norm divides by, held as it is", show="folded"),
    },
    numbers={"unexplained": ""},
    axes={"component": Dimension("class"), "position": Dimension("token")},
    entries={"embed": "embedding", "position": "position embedding", "norm.bias": "final norm’s bias"},
    ids=(
        "target",
        "against",
    ),
)

NEURON_ATTRIBUTION = Legend(
    title="Which neurons wrote it",
    question="Which single neurons raised or lowered the logit of the token predicted after the last one?",
    reading=(
        "Each neuron adds its activation times what its output weights say about the predicted token "
        "“{target}”. A dot is how far that stands above what the same neuron adds to the average token of the "
        "vocabulary: to the right it speaks for “{target}”, to the left against it."
    ),
    nothing=(
        "In an untrained network the largest terms are those that chance leaves among so many neurons, about "
        "three times as far as their whiskers reach; none stands apart from the next."
    ),
    control=(
        "The whisker at each zero: one standard deviation of what the same neuron adds to other tokens. And with "
        "the other components’ terms, the neurons’ sum to the logit."
    ),
    quantities={
        "term": Quantity(
            "what each neuron adds to the logit of “{target}”",
            note=("The ten that raise it most and the ten that lower it most; hovering tells their activations."),
            controls=("vocabulary_mean",),
        ),
        "vocabulary_mean": Quantity("what it adds to the average token", show="beside", error="vocabulary_std"),
        "vocabulary_std": Quantity("its spread over the vocabulary (standard deviation)", show="beside"),
        "activation": Quantity("each neuron’s activation, after the nonlinearity", show="beside"),
        "rest": Quantity(
            "what everything that is no neuron adds to it",
            note="The embedding, the heads, and biases where there are any.",
            show="folded",
        ),
    },
    numbers={
        "logit": "",
        "output": "",
        "target": "",
        "position": "",
    },
    axes={"neuron": Dimension("unit"), "component": Dimension("class")},
    entries={"embed": "embedding", "norm.bias": "final norm’s bias"},
    ids=(
        "target",
        "against",
    ),
)

RESIDUAL_DECOMPOSITION = Legend(
    title="What fills the stream",
    question="At the last token, how much of the final residual stream did each component write?",
    reading=(
        "The stream is the sum of what the embedding, each head and each MLP wrote. A dot is a component’s "
        "share of the stream’s squared length, a ring the same component’s in an untrained network. Shares sum "
        "to 1; one below 0 writes against the rest, and one above 1 is cancelled in part by others."
    ),
    nothing=(
        "An untrained network’s components write in unrelated directions, so each has a share in proportion to "
        "its own squared length, and none is far below 0."
    ),
    control=(
        "An untrained network of the same shape. A large share is no proof of weight: later readers may ignore it."
    ),
    quantities={
        "share": Quantity(
            "share of the stream’s squared length that each component wrote",
            note=(
                "The components with the largest shares in either network, by layer. Hovering tells the length of what "
                "each writes, and its cosine with the stream: two unrelated directions of this width have about "
                "±{chance_cosine}."
            ),
        ),
        "norm": Quantity("length of what each component writes", note="In units of the stream.", show="beside"),
        "cosine": Quantity(
            "whether it writes along the final stream: cosine",
            note="1 is along it, −1 against it. Two unrelated directions of this width have about ±{chance_cosine}.",
            show="beside",
        ),
        "write": Quantity("the vectors", show="kept"),
        "stream": Quantity("their sum", show="kept"),
    },
    numbers={"chance_cosine": "", "unexplained": ""},
    axes={
        "component": Dimension("class"),
        "position": Dimension("token"),
        "width": Dimension("unit"),
        "network": Dimension("class", controls=("untrained",)),
    },
    entries={"model": "this model", "untrained": "an untrained network", "embed": "embedding"},
)
