"""The legend of invariance."""

from glassworks.trace.legend import Dimension, Legend, Quantity

ALONG = {
    "shift": ("shifted", "shift down, as a share of the height"),
    "scale": ("resized", "size of what is seen"),
    "turn": ("turned", "degrees, counter-clockwise"),
}

INVARIANCE = Legend(
    title="What features bear",
    question="How far may an image be shifted, resized or turned before features, and the answer, change?",
    measure=(
        "Means over {num_images} images. The distance of a layer’s features from those of the image as it was, in "
        "units of the mean distance between two different images; and the probability of the true class (Zeiler & "
        "Fergus 2013, figure 5)."
    ),
    reading=(
        "A line a network, a chart a layer. A distance that rises at once is of a layer that minds every pixel; one "
        "that stays low is of a layer that has become invariant. At 1 the changed image is as strange to the layer "
        "as another one. Whiskers are one standard error, over images."
    ),
    nothing=(
        "The lines of the trained and the untrained network lie on each other: what a layer bears, it bears by its "
        "convolutions and pools alone, and not because it learned to."
    ),
    control=("The same in an untrained network of the same shape; and the unit itself, two different images."),
    quantities={
        **{
            f"distance_{change}": Quantity(
                f"distance of features, {word}", error=f"distance_{change}_error", ends=(0.0, 1.2)
            )
            for change, (word, _) in ALONG.items()
        },
        **{f"distance_{change}_error": Quantity("its standard error", show="beside") for change in ALONG},
        **{
            f"probability_{change}": Quantity(
                f"probability of the true class, {word}", error=f"probability_{change}_error", ends=(0.0, 1.0)
            )
            for change, (word, _) in ALONG.items()
        },
        **{f"probability_{change}_error": Quantity("its standard error", show="beside") for change in ALONG},
        **{
            f"picture_{change}": Quantity(
                f"the first image, {word}", note="At the strengths of the charts.", show="folded"
            )
            for change, (word, _) in ALONG.items()
        },
    },
    numbers={"num_images": "", "seed": ""},
    axes={
        "network": Dimension("class", controls=("untrained",)),
        "point": Dimension("class", "layer"),
        "colour": Dimension("channel"),
        **{change: Dimension("value", title) for change, (_, title) in ALONG.items()},
    },
)
