"""The legend of correspondence."""

from glassworks.trace.legend import Dimension, Legend, Quantity

CONTROLS = ("random places", "one random place in all")

CORRESPONDENCE = Legend(
    title="The same part in different images",
    question="Does the network know that the same part of different objects is the same?",
    measure=(
        "The same part is covered in each of {num_images} images. Δ is the share of a layer’s features that go up, "
        "down or stay otherwise in one image than in another, the mean over all pairs (Zeiler & Fergus 2013, section "
        "4.3)."
    ),
    reading=(
        "A row a part, a dot a network; further left is tighter: covering the part does the same to the features in "
        "every image. Whiskers are one standard error, over images. A part that lies clearly left of both kinds of "
        "random places is one that the layer has established as the same in all."
    ),
    nothing=(
        "Parts lie where random places do: one that is at the same place in all images where one random place in all "
        "does. Numbers differ from layer to layer without any correspondence: compare within a layer only."
    ),
    control=(
        "Random places of the parts’ sizes, another in each image, as in the paper, and one for all images, {draws} "
        "draws of each; and the same in an untrained network, in which features follow the pixels under the square."
    ),
    quantities={
        "change": Quantity("mean feature sign change Δ", error="change_error"),
        "change_error": Quantity("its standard error", show="beside"),
        "at_or_below": Quantity(
            "random draws with a Δ as low as the part’s, in %",
            note="Of this network. Small where a part agrees more than random places do; 5 in 100 might be chance.",
            percent=True,
            ends=(0.0, 100.0),
        ),
        "picture": Quantity(
            "what was covered", note="The images with each part covered; of random places, a first draw."
        ),
    },
    numbers={"num_images": "", "draws": "", "fill": "", "seed": ""},
    axes={
        "network": Dimension("class", controls=("untrained",)),
        "covered": Dimension("class"),
        "part": Dimension("class"),
        "control": Dimension("class"),
        "point": Dimension("class", "layer"),
        "example": Dimension("example", "image"),
        "colour": Dimension("channel"),
    },
)
