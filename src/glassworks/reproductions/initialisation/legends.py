"""Legends of deep networks: their signals, how deep they may be, and what shortcuts change."""

from glassworks.trace.legend import Dimension, Legend, Quantity

ENTRIES = {"default": "torch’s default", "lsuv": "LSUV", "glorot": "Glorot", "he": "He", "relu": "ReLU"}

SIGNALS = Legend(
    title="Signals forward and back",
    question="What becomes of a signal, and of the gradient, in a deep network whose weights are drawn by each scheme?",
    measure=(
        "Variance of what each of {layers} hidden layers of {width} neurons gives for {examples} digits, and of the "
        "gradient of an example’s loss by it, before any training."
    ),
    reading=(
        "Layers from the first to the last, the gradient from the last to the first, on logarithmic scales. A straight "
        "line that rises or falls is a factor a layer: after some dozens nothing is left of the signal, or of "
        "what tells two inputs apart."
    ),
    nothing="Level lines: a scheme under which depth does not matter.",
    control="Dashed: what the mean-field theory of wide networks foretells, without having seen the networks.",
    quantities={
        "forward": Quantity("variance forward", log=True, controls=("forward_theory",)),
        "backward": Quantity("variance of the gradient", log=True, controls=("backward_theory",)),
        "forward_theory": Quantity("foretold", show="beside"),
        "backward_theory": Quantity("foretold, from the last layer on", show="beside"),
    },
    numbers={"layers": "", "width": "", "examples": ""},
    axes={"activation": Dimension("class"), "scheme": Dimension("class"), "layer": Dimension("layer")},
    entries=ENTRIES,
)

DEPTHS = Legend(
    title="The depth at which each scheme stops training",
    question="How many layers can a plain network have, before it does not learn any more?",
    measure=(
        "Training loss of networks of {width} neurons a layer on digits, at the first of {rates} learning rates by "
        "which its mean over 10 batches falls below {level} within {steps} steps, or the lowest at the end of these; "
        "trainings averaged: {seeds}."
    ),
    reading=(
        "A row a scheme, a column a depth. Guessing costs 2.30; what is not below 2.25 after half of the steps is "
        "given up. A scheme under which two depths in a row do not train is not tried any deeper."
    ),
    nothing="Rows that are alike: how weights are drawn would not matter.",
    control="torch’s default, which is what a layer has where nobody drew its weights.",
    quantities={
        "loss": Quantity("loss, nats", ends=(0.0, 2.4)),
        "deepest": Quantity("deepest that trains, layers", show="kept"),
        "foretold": Quantity("foretold: six times the depth scale", show="kept"),
    },
    numbers={"width": "", "rates": "", "level": "", "steps": "", "seeds": ""},
    axes={"activation": Dimension("class"), "scheme": Dimension("class"), "depth": Dimension("class", "hidden layers")},
    entries=ENTRIES,
)

VARIANCES = Legend(
    title="Depth over the variance of weights",
    question="Is it the mean-field depth scale that says how deep a network with tanh may be?",
    measure=(
        "Training loss of networks with tanh, whose weights have variance σ² / fan-in and biases {biases}, as those of "
        "Schoenholz et al. 2017, figure 5."
    ),
    reading=(
        "A row a variance, a column a depth. The deepest network that trains should be about six depth scales deep: "
        "at the edge of chaos, σ² = 1.76, there is no end to it."
    ),
    nothing="As deep at any variance.",
    control="The depth that theory foretells, from the variance alone.",
    quantities={
        "loss": Quantity("loss, nats", ends=(0.0, 2.4)),
        "deepest": Quantity("deepest that trains, layers", show="kept"),
        "foretold": Quantity("foretold: six times the depth scale", show="kept"),
    },
    numbers={"biases": ""},
    axes={"variance": Dimension("class", "variance of weights"), "depth": Dimension("class", "hidden layers")},
)

SHORTCUTS = Legend(
    title="Shortcuts: Fixup beside batch norm",
    question="Can a deep residual network do without norms, if its weights are drawn for it?",
    measure=(
        "Training loss after {steps} steps of residual networks of {width} neurons, two layers a block, at the best of "
        "three learning rates; trainings averaged: {seeds}."
    ),
    reading="A line a network, blocks from left to right. Guessing costs 2.30; where a line ends, no loss was finite.",
    nothing="Lines on top of each other: shortcuts alone would do.",
    control="The same blocks without norms, drawn by He and by torch’s default.",
    quantities={"loss": Quantity("loss, nats")},
    numbers={"steps": "", "width": "", "seeds": ""},
    axes={"network": Dimension("class", controls=("torch's default", "he")), "blocks": Dimension("rank", "blocks")},
)
