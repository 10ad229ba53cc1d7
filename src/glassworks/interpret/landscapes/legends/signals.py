"""Legends of signals in layers, and of the gradient's noise."""

from collections.abc import Sequence

from glassworks.trace.legend import Dimension, Legend, Quantity


def signal_legend(controls: tuple[str, ...] = ("untrained",)) -> Legend:
    """The legend of signals, with what stands beside the network."""
    return Legend(
        title="Signals forward and back",
        question="Does the signal keep its size through the layers, forward and back?",
        measure=(
            "The variance of all numbers that a layer gives for a batch, and of the gradient of an example’s loss by "
            "them."
        ),
        reading=(
            "Layers in the order in which they run, on a logarithmic scale. Level is well; a line that rises or falls "
            "by the same factor a layer grows exponentially with depth, and beyond some depth nothing is learned. The "
            "gradient runs from the last layer to the first."
        ),
        nothing=(
            "This is a check, not a finding: the network beside it says what the architecture alone does to a signal."
        ),
        control="The same network with other initial weights, untrained, on the same batch.",
        quantities={
            "forward": Quantity("variance forward", log=True),
            "backward": Quantity("variance of the gradient", log=True),
        },
        numbers={"seed": ""},
        axes={"network": Dimension("class", controls=controls), "layer": Dimension("layer")},
    )


def coordinate_legend(layers: Sequence[str], steps: int) -> Legend:
    """The legend of a coordinate check: layers that are called by a number alone are said to be layers."""
    return COORDINATES.with_axes(
        layer=Dimension("class", ticks=tuple(f"layer {name}" if name.isdecimal() else name for name in layers)),
        step=Dimension("class", "step", ticks=("before training", *(f"after step {i + 1}" for i in range(steps)))),
    )


COORDINATES = Legend(
    title="Coordinates over widths",
    question="Do the numbers in each layer keep their size as the network gets wider, while it trains?",
    measure="Mean size of what each layer gives for one batch, after each of {steps} steps (Yang et al. 2021).",
    reading=(
        "A panel a layer, widths from left to right, a line a step. Flat lines mean that what was tuned at a small "
        "width holds at a large one; lines that rise with the width after some steps, that the learning rate is too "
        "large for wide networks; lines that fall, that wide ones hardly learn there. The slope says it in a number: "
        "0 is flat, 0.5 grows as the root of the width. Under µP, with its learning rates, slopes are about 0 in every "
        "layer at every step, but for the last layer before training: there about −0.5 is right, as its weights are "
        "drawn the smaller the wider the network, and it goes to 0 in the first steps."
    ),
    nothing="Without training, every line lies on that of before training.",
    control="Before training: what the initialisation alone does, before any training.",
    quantities={
        "size": Quantity("mean size", log=True),
        "change": Quantity("mean change since step 0", show="folded", log=True),
        "slope": Quantity("slope of log size by log width"),
    },
    numbers={"steps": ""},
    axes={
        "layer": Dimension("class"),
        "step": Dimension("class", "step"),
        "after": Dimension("step", "step"),
        "width": Dimension("value"),
    },
)

GAPS = "The noise scale of each layer’s weights alone. Gaps: its mean gradient is within what random signs give."

NOISE = Legend(
    title="Noise of the gradient",
    question="How large may a batch be before more examples a step are of little use?",
    measure=(
        "The simple noise scale: the variance of an example’s gradient, summed over all weights, by the squared "
        "length of the mean gradient (McCandlish et al. 2018, equation 2.9), from {parts} parts of the batch, "
        "{part_size} each."
    ),
    reading=(
        "In examples: batches much smaller than this are mostly noise, and twice the batch allows about twice the "
        "step; much larger ones hardly allow a larger step. The curve is the share of the largest step that a batch "
        "allows. "
        "It grows as training goes on and the gradient shrinks."
    ),
    nothing=(
        "Where the parts’ gradients have nothing in common, the squared length of the mean gradient is within what "
        "random signs give, and the noise scale has no upper end."
    ),
    control=(
        "An untrained network of the same architecture on the same batch; and the squared length that 95 of 100 random "
        "choices of the parts’ signs stay below."
    ),
    quantities={
        "noise_scale": Quantity("noise scale, in examples", log=True),
        "noise_scale_low": Quantity("lower end of its 95 % interval, in examples"),
        "noise_scale_high": Quantity("upper end of its 95 % interval, in examples"),
        "gradient": Quantity("squared length of the gradient", controls=("gradient_chance",), error="gradient_error"),
        "gradient_error": Quantity("its standard error", show="beside"),
        "gradient_chance": Quantity("what random signs stay below", show="beside"),
        "noise": Quantity("variance of an example’s gradient, summed over weights", show="folded"),
        "step_share": Quantity("share of the largest step that a batch allows", percent=True, ends=(0.0, 100.0)),
        "layer_noise_scale": Quantity("noise scale by layer, in examples", log=True, note=GAPS),
    },
    numbers={"parts": "", "part_size": "", "seed": ""},
    axes={
        "network": Dimension("class", controls=("untrained",)),
        "layer": Dimension("layer"),
        "batch_size": Dimension("value", "batch"),
    },
)
