"""Legends of single features: what their activations project to, and the images that they respond to most."""

from glassworks.trace.legend import Dimension, Legend, Quantity

PROJECTION = (
    "A projection is grey where nothing adds to the activation or takes from it, bright where brighter pixels raise it "
    "and dark where darker ones do; each is scaled by itself."
)

PROJECTIONS = Legend(
    title="What single units see in an image",
    question="Which pixels made single units of {point} as active as they are?",
    measure=(
        "A unit’s largest activation in an image, alone, taken back to the pixels by a deconvnet: max pooling undone by"
        " its switches, the signal rectified, filters transposed (Zeiler & Fergus 2013, section 2.1)."
    ),
    reading=(
        "One image after another, in the first column; beside it what each unit’s activation projects to, with the"
        f" activation below it. {PROJECTION} A unit that stands for a part of the object shows that part, at its place,"
        " in every image, and nothing of the rest."
    ),
    nothing=(
        "The switches and edges of the image alone draw something that looks like it: in an untrained network, too,"
        " projections show outlines. A unit says more than that only as far as its projection differs from the"
        " untrained network’s and from other units’."
    ),
    control=(
        "Below each image’s row the same units of an untrained network of the same shape; and the cosine of each"
        " projection with another unit’s, and with an untrained network’s, from the same place."
    ),
    quantities={
        "picture": Quantity("projections of single activations", captions="caption"),
        "caption": Quantity(show="beside"),
        "likeness": Quantity(
            "how alike projections are (cosine)",
            note=(
                "Of each projection with that from the same place of the same image by another unit, and by the same "
                "unit of an untrained network. 1 = the same picture: then it shows the image, and not what the unit "
                "looks for."
            ),
            ends=(-1.0, 1.0),
        ),
        "projection": Quantity("the projections", show="kept"),
        "projection_untrained": Quantity("the same of an untrained network", show="kept"),
        "activation": Quantity("activations", show="folded"),
        "activation_untrained": Quantity("activations of the untrained network", show="folded"),
        "place": Quantity("places in the map, row by row", show="kept"),
    },
    numbers={"point": "", "rule": "", "seed": ""},
    axes={
        "example": Dimension("example", "image"),
        "network": Dimension("class", controls=("untrained",)),
        "shown": Dimension("class"),
        "colour": Dimension("channel"),
        "unit": Dimension("unit"),
        "comparison": Dimension("class"),
    },
)
