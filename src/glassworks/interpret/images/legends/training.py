"""Legends of what training and architecture do: features over checkpoints, and layers that are left out."""

from glassworks.interpret.images.legends.features import PROJECTION
from glassworks.trace.legend import Dimension, Legend, Quantity

EVOLUTION = Legend(
    title="How features come to be",
    question="When in training did single units of {point} become what they are?",
    measure=(
        "At each checkpoint the largest activation over {num_images} images, and what it projects to by a deconvnet "
        "(Zeiler & Fergus 2013, section 4.1)."
    ),
    reading=(
        "Two rows a unit, checkpoints from left to right: the patch that makes it most active, and the projection. "
        f"{PROJECTION} A picture that stays has converged; one that changes at once has a new strongest image. The "
        "numbers below say the same: how far the unit already orders the images as it does at the end. Lower layers "
        "are there early, upper ones late."
    ),
    nothing=(
        "In a training that changed nothing, pictures stay the same from the first checkpoint on, and all numbers are "
        "1; a unit that is not yet itself agrees with its end no more than with other units’."
    ),
    control=(
        "The correlation with what the other units are at the end, beside it; and the first checkpoint, where it is "
        "of the untrained network."
    ),
    quantities={
        "picture": Quantity(
            "the strongest image at each checkpoint",
            note="The first row of a unit: the patch; the second: what the activation there projects to, and this.",
            captions="caption",
        ),
        "correlation": Quantity(
            "how near a unit is to its end (correlation of its activations over the images)",
            controls=("correlation_other",),
            ends=(-1.0, 1.0),
        ),
        "correlation_other": Quantity("with other units’ ends", show="beside"),
        "activation": Quantity("the largest activation", show="folded"),
        "image": Quantity("the strongest image’s number", show="kept"),
    },
    numbers={"point": "", "rule": "", "seed": "", "num_images": ""},
    axes={
        "unit": Dimension("unit"),
        "shown": Dimension("class"),
        "step": Dimension("step", "checkpoint"),
        "colour": Dimension("channel"),
        "shown_row": Dimension("pixel_row"),
        "shown_column": Dimension("pixel_column"),
    },
)


def removal_legend(controls: tuple[str, ...], published: bool) -> Legend:
    """The legend of a table of removed layers, with what of it is a control."""
    return Legend(
        title="Which layers a network needs",
        question="What is lost if a layer is left out, and the network trained from scratch without it?",
        measure=(
            "The share of test examples that are wrong, of networks trained alike, {runs} of each; losses are "
            "against “{whole}”, example by example where both were asked about the same (Zeiler & Fergus 2013, "
            "table 3)."
        ),
        reading=(
            "A row a network, named by what it lacks; further right is worse. Whiskers are one standard error, over "
            "examples and runs. A loss of less than two of them may be chance. Depth matters where one layer can be "
            "missed and several cannot."
        ),
        nothing=("Losses around 0: the layers are not needed for these data, or others take their work over."),
        control=(
            "Networks that keep all layers and are smaller otherwise, where there are any: what is lost with "
            "parameters alone. The number of parameters stands below."
        ),
        quantities={
            "error_rate": Quantity(
                "wrong, in %", error="error_rate_error", percent=True, controls=("published",) * published
            ),
            "error_rate_error": Quantity("its standard error", show="beside"),
            "loss": Quantity("lost against the whole network, in percentage points", error="loss_error", percent=True),
            "loss_error": Quantity("its standard error", show="beside"),
            "parameters": Quantity("parameters"),
            "published": Quantity("published", show="beside"),
        },
        numbers={"whole": "", "runs": ""},
        axes={"variant": Dimension("class", "network", controls=controls)},
    )
