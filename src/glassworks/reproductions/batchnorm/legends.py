"""Legends: curves over the training of networks with and without norms, and covariate shift by layer."""

from glassworks.reproductions.batchnorm.networks import NONE
from glassworks.trace.legend import Dimension, Legend, Quantity

NETWORK = Dimension("class", controls=(NONE,))
SHOWN = {
    "loss": Quantity("loss", error="loss_error", log=True),
    "moved": Quantity(
        "how far layers’ inputs move in a step, in their standard deviations",
        note="2-Wasserstein distance of channels, taken as normal distributions, before and after a step.",
        error="moved_error",
        log=True,
    ),
    "distance": Quantity("covariate shift, ||G − G′||", error="distance_error", log=True),
    "change": Quantity("covariate shift by the gradient’s length, ||G − G′|| / ||G||", error="change_error", log=True),
    "cosine": Quantity("covariate shift: cosine of G and G′", error="cosine_error", ends=(-1.0, 1.0)),
    "random_cosine": Quantity(
        "the same where the layers below move as far at random",
        error="random_cosine_error",
        ends=(-1.0, 1.0),
        show="folded",
    ),
    "loss_range": Quantity("range of the loss along the gradient", error="loss_range_error", log=True),
    "change_range": Quantity(
        "range of the gradient’s change along the gradient (predictiveness)", error="change_range_error", log=True
    ),
    "beta": Quantity("effective beta along the gradient", error="beta_error", log=True),
}
RANDOM = {
    f"random_{name}": Quantity(title, error=f"random_{name}_error", log=True, show="folded")
    for name, title in {
        "loss_range": "range of the loss along random directions",
        "change_range": "range of the gradient’s change along random directions",
        "beta": "effective beta along random directions",
    }.items()
}
ERRORS = {about.error: Quantity("its standard error", show="beside") for about in (*SHOWN.values(), *RANDOM.values())}

CURVES = Legend(
    title="Side by side over the training",
    question="What is different in a network with batch norm: its inputs’ stability, or the loss along its steps?",
    measure=(
        "The same weights, batches and learning rate ({lr}) for every network; means of {seeds} seeds. G is a layer’s "
        "gradient, G′ the same once the layers below have taken their step. Along the step: points up to four "
        "learning rates ahead."
    ),
    reading=(
        "Batch norm helps by stability if its inputs move less and its G′ is nearer to G; it helps by smoothness if "
        "the loss and the gradient change less along a step. Noisy batch norm tells which: it moves its inputs on "
        "purpose."
    ),
    nothing="All networks’ lines on top of each other.",
    control="The network without norms; and the noise of noisy batch norm without the norm.",
    quantities={**SHOWN, **RANDOM, **ERRORS},
    numbers={"task": "", "lr": "learning rate", "seeds": ""},
    axes={"network": NETWORK, "step": Dimension("step")},
)

BY_LAYER = Legend(
    title="Covariate shift, layer by layer",
    question="Which layers’ gradients still hold once the layers below have stepped?",
    measure="The cosine of G and G′ (Santurkar et al. 2018, definition 2.1), means over seeds.",
    reading="A column a layer, from the second to the last; a row a step. At 0 the step of a layer has become useless.",
    nothing="1 everywhere: layers that do not depend on each other.",
    control="The network without norms.",
    quantities={"cosine": Quantity("cosine of G and G′", ends=(-1.0, 1.0))},
    numbers={"task": ""},
    axes={"network": NETWORK, "step": Dimension("step"), "layer": Dimension("layer")},
)
