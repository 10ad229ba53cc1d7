"""Legends of probes and of similarity."""

from dataclasses import replace

from glassworks.trace.legend import Dimension, Legend, Quantity

ANSWERS = Legend(
    title="What layers know",
    question="Can the answers be read off each layer by a straight line?",
    reading=(
        "At each layer a linear probe, one weighted sum for each answer, is trained to answer the questions from what "
        "passes there. Upwards is the share it gets right of {labels} answers in {examples} examples it was not "
        "trained on."
    ),
    nothing=(
        "Where a layer knows nothing, the probe is no better than on a random network, on shuffled answers, or "
        "than always giving the commonest answer."
    ),
    control=(
        "The same probe on a network with random weights (what the input gives away by itself), on the answers "
        "of other examples (what position and commonness give away), and the commonest answer always."
    ),
    quantities={
        "accuracy": Quantity(
            "share of answers that are right, over all questions",
            note=(
                "A point above its controls by several of its whiskers is knowledge; one that is level with the"
                " random network was in the input all along. Whiskers are one standard error over examples."
            ),
            error="error",
        ),
        "error": Quantity("its standard error, over examples", show="beside"),
        "target_accuracy": Quantity("share of answers that are right, question by question"),
        "class_recall": Quantity(
            "share of each answer’s places that are found",
            note=("All questions together. A probe that leans to one answer finds much of it and little of the other."),
            show="folded",
            ends=(0.0, 1.0),
        ),
        "class_share": Quantity("how common each answer is", show="folded", ends=(0.0, 1.0)),
    },
    numbers={"examples": "", "labels": ""},
    axes={
        "row": Dimension(
            "class",
            controls=(
                "linear, random network",
                "linear, shuffled labels",
                "majority",
            ),
        ),
        "target": Dimension("class", "question"),
        "class": Dimension("class", "answer"),
    },
    entries={
        "linear": "linear probe",
        "linear, random network": "the same on a random network",
        "linear, shuffled labels": "the same on shuffled answers",
        "MLP": "probe with a hidden layer",
        "MLP, random network": "that on a random network",
        "MLP, shuffled labels": "that on shuffled answers",
        "majority": "always the commonest answer",
    },
)

HIDDEN_ANSWERS = replace(
    ANSWERS,
    title="Knowledge read nonlinearly",
    question="Does a probe with a hidden layer find what a straight line cannot?",
    reading=(
        "As for the linear probe, with a second one of some hidden units beside it. Where it stands above the "
        "linear one, the layer holds the fact, but not as one direction."
    ),
    nothing=(
        "A probe with a hidden layer can compute an answer itself: if it finds as much on a random network, it "
        "was not the layer that knew."
    ),
    control="Both probes on a random network and on the answers of other examples, and the commonest answer always.",
    axes={
        **ANSWERS.axes,
        "row": Dimension(
            "class",
            controls=(
                "linear, random network",
                "linear, shuffled labels",
                "MLP, random network",
                "MLP, shuffled labels",
                "majority",
            ),
        ),
    },
)
"""The same with a probe that has a hidden layer beside it."""

OF_TEXT = {
    **ANSWERS.quantities,
    "target_accuracy": Quantity(
        "share of answers that are right, question by question",
        note=(
            "Whether a token holds white space is in its embedding. Whether the one before did can only be "
            "known where attention has carried it there."
        ),
    ),
}
PROBE = replace(
    ANSWERS,
    question="Can five simple facts about the text be read off each layer by a straight line?",
    reading=(
        "At each layer a linear probe, one weighted sum for each answer, is trained to answer yes-no questions "
        "about the token from its residual stream: does it hold white space, did the one before, the one two "
        "before, does it begin with a capital, is it in the second half of its passage. Upwards is the share it"
        " gets right of {labels} answers in {examples} passages it was not trained on."
    ),
    quantities=OF_TEXT,
)
MLP_PROBE = replace(
    HIDDEN_ANSWERS,
    question="Does a probe with a hidden layer find facts about the text that a straight line cannot?",
    quantities=OF_TEXT,
)

SIMILARITY = Legend(
    title="How alike layers are",
    question="Do two layers see the same texts as alike, or does a layer make something new of them?",
    reading=(
        "Each cell compares two layers, over all places of some held-out text: 1 means that what is alike in "
        "one is alike in the other (linear CKA, which a rotation of the stream does not change), 0 that there "
        "is no relation. The diagonal is a layer with itself, and always 1; a strong block of neighbours is a "
        "stretch where little changes."
    ),
    nothing=(
        "Layers that had nothing in common would be near 0, as in the third map. A network that has learned "
        "nothing changes its input little from layer to layer, so its layers are alike as well, the nearer the "
        "more."
    ),
    control=(
        "The same layers beside those of a random network, which is what the text alone makes alike; and the "
        "places of one side in random order, which is chance."
    ),
    quantities={
        "similarity": Quantity(
            "similarity of each pair of layers (CKA)",
            note=(
                "All maps share one scale, from 0 to 1. In the second the columns are the layers of the random network."
            ),
            ends=(0.0, 1.0),
        ),
    },
    numbers={"steps": "", "seed": ""},
    axes={"row": Dimension("class", controls=("with a random network", "rows in random order"))},
    entries={
        "models": "this network with itself",
        "with a random network": "this network with a random one",
        "rows in random order": "chance: places in random order",
    },
)

SVCCA = replace(
    SIMILARITY,
    title="Layers, compared by directions",
    question="Do two layers hold the same information, whatever directions they write it in?",
    reading=(
        "As the map of how alike layers are, by another measure: of each layer the directions that hold 99 % of"
        " its variance are kept, and matched with those of the other as well as can be; a cell is their mean "
        "correlation, 1 for the same (SVCCA)."
    ),
    nothing=(
        "Many directions and few places can always be matched a little, so nothing in common is not 0, but what"
        " the third map says."
    ),
    control=(
        "The same layers beside those of a random network, and the places of one side in random order, which is"
        " what matching gives by chance."
    ),
    quantities={
        "similarity": replace(SIMILARITY.quantities["similarity"], title="similarity of each pair of layers (SVCCA)"),
        "directions": Quantity(
            "directions that hold 99 % of each layer’s variance",
            note=(
                "Where they are few, some coordinates of the stream are far larger than all others, and "
                "similarity is of those alone."
            ),
            least=1.0,
        ),
        "other_directions": Quantity("directions of the other network’s layers", show="folded"),
    },
)
