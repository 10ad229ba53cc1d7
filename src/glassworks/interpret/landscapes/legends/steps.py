"""Legends of steps of training: the loss along one, and how far those of the layers below change a layer's gradient."""

from glassworks.trace.legend import Dimension, Legend, Quantity

DIRECTION = Dimension("class", controls=("random",))
ENTRIES = {"gradient": "along the gradient", "random": "random directions"}
CHANGE = "how far the gradient has changed (Euclidean distance)"

ALONG_STEP = Legend(
    title="The loss along a step",
    question="How far can the gradient be trusted: what are loss and gradient a step, and several steps, ahead?",
    measure=(
        "At points from the weights against the gradient of the mean loss (length {gradient_norm}), up to several "
        "times the learning rate {lr} ({lr_from}), on a batch of {batch_of}; the loss at the weights themselves is "
        "{loss_here} (Santurkar et al. 2018, figure 4)."
    ),
    reading=(
        "Steps grow from left to right, in learning rates. A loss that goes down evenly, and a gradient that changes "
        "little, mean that a step does what the gradient promises and could be longer. Beta is the most that the "
        "gradient changes for a step of length 1: a step is too long where the learning rate is well above 2 divided "
        "by it."
    ),
    nothing=(
        "On a plane the loss is a straight line and the gradient does not change at all; along a direction that means "
        "nothing to the network, the loss stays about what it is."
    ),
    control="The mean over {draws} random directions, with steps as long.",
    quantities={
        "loss": Quantity("loss", error="loss_error"),
        "loss_error": Quantity("its standard error over draws", show="beside"),
        "change": Quantity(CHANGE, error="change_error"),
        "change_error": Quantity("its standard error over draws", show="beside"),
        "loss_lowest": Quantity("lowest loss over the steps", show="folded"),
        "loss_highest": Quantity("highest loss over the steps", show="folded"),
        "change_lowest": Quantity("least change of the gradient over the steps", show="folded"),
        "change_highest": Quantity("largest change of the gradient over the steps", show="folded"),
        "beta": Quantity("effective beta: change of the gradient by distance, at most"),
    },
    numbers={"loss_here": "loss", "gradient_norm": "", "lr": "learning rate", "draws": "", "seed": ""}
    | {"lr_from": "", "batch_of": ""},
    axes={"direction": DIRECTION, "size": Dimension("value", "learning rates")},
    entries=ENTRIES,
)

OVER_TRAINING = Legend(
    title="Steps over a training",
    question="How far can the gradient be trusted as training goes on?",
    measure="At each step, points along the next one’s gradient, up to several learning rates (Santurkar et al. 2018).",
    reading=(
        "Lower is smoother: a loss that varies less along its gradient, a gradient that changes less, a smaller "
        "effective beta, the most that the gradient changes by distance."
    ),
    nothing="Networks whose losses are as smooth have lines on top of each other.",
    control="Random directions with steps as long, dashed.",
    quantities={
        "loss_range": Quantity("range of the loss along the step", log=True),
        "change_range": Quantity("range of the gradient’s change (predictiveness)", log=True),
        "change_highest": Quantity("largest change of the gradient", log=True, show="folded"),
        "beta": Quantity("effective beta", log=True),
    },
    axes={"network": Dimension("class"), "direction": DIRECTION, "step": Dimension("step")},
    entries=ENTRIES,
)

COVARIATE_SHIFT = Legend(
    title="What layers below change",
    question="How much does a layer’s gradient change because the layers below it have taken their step?",
    measure=(
        "Internal covariate shift as Santurkar et al. 2018 define it (definition 2.1): the gradient of a layer’s "
        "weights before and after all layers below it have stepped, itself not, by the same batch. The step is {step}."
    ),
    reading=(
        "Layers from left to right in the order in which they run. A cosine of 1 and a small change mean that the "
        "layer steps in a direction that still holds when the step is done; a cosine around 0, that it is of no use "
        "by then. The first layer has none below it."
    ),
    nothing="Layers that do not depend on each other have a cosine of 1 and no change.",
    control="The layers below moved as far, each in a random direction: what any change of them would do.",
    quantities={
        "cosine": Quantity("cosine of the gradients before and after", ends=(-1.0, 1.0)),
        "change": Quantity("relative change of the gradient, ||G − G′|| / ||G||"),
        "distance": Quantity("change of the gradient, ||G − G′||", show="folded", log=True),
        "gradient_norm": Quantity("length of the gradient before, ||G||", show="folded", log=True),
        "step_length": Quantity("length of the layer’s own step", show="folded", log=True),
    },
    numbers={"loss": "loss before", "loss_after": "loss after the whole step", "step": "", "seed": ""},
    axes={"layer": Dimension("class"), "below": Dimension("class", controls=("random",))},
    entries={"step": "layers below stepped", "random": "layers below moved at random"},
)
