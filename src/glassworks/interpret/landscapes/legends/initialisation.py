"""The legend of an initialisation."""

from glassworks.trace.legend import Dimension, Legend, Quantity

DEFAULT = "torch's default"

INITIALISATION = Legend(
    title="What an initialisation does to signals",
    question="Does the signal keep its size through the layers, forward and back, with weights that are drawn so?",
    measure=(
        "{scheme}: the variance of all numbers that a layer gives for a batch, and of the gradient of an example’s "
        "loss by them; the gain of a layer is the root mean square of its weights times √fan-in. {notes}"
    ),
    reading=(
        "Layers in the order in which they run, on a logarithmic scale; the gradient runs from the last to the first. "
        "Level is well. A line that rises or falls by the same factor a layer is exponential in depth: the two factors "
        "say how much. A gain above the ideal one lets signals grow, one below lets them die."
    ),
    nothing="A scheme that changes nothing has the line of its control.",
    control="The same network on the same batch as torch draws it, dashed.",
    quantities={
        "forward": Quantity("variance forward", log=True),
        "backward": Quantity("variance of the gradient", log=True),
        "gain": Quantity(
            "gain of the weights",
            note="Ideal is what keeps small signals as they are through the activation that follows.",
            controls=("ideal_gain",),
        ),
        "ideal_gain": Quantity("ideal gain", show="beside"),
    },
    numbers={
        "scheme": "",
        "notes": "",
        "forward_factor": "variance forward: factor a layer",
        "backward_factor": "variance of the gradient: factor a layer, from the last to the first",
        "seed": "",
    },
    axes={
        "network": Dimension("class", controls=(DEFAULT,)),
        "layer": Dimension("layer"),
        "drawn": Dimension("layer", "layer"),
    },
)
