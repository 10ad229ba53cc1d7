"""Legends of single features: what their activations project to, and the images that they respond to most."""

from glassworks.trace.legend import Dimension, Legend, Quantity

PROJECTION = (
    "A projection is grey where nothing adds to the activation or takes from it, bright where brighter pixels raise "
    "it and dark where darker ones do; each is scaled by itself."
)

PROJECTIONS = Legend(
    title="What single units see in an image",
    question="Which pixels made single units of {point} as active as they are?",
    measure=(
        "A unit’s largest activation in an image, alone, taken back to the pixels by a deconvnet: max pooling undone "
        "by its switches, the signal rectified, filters transposed (Zeiler & Fergus 2013, section 2.1)."
    ),
    reading=(
        "One image after another, in the first column; beside it what each unit’s activation projects to, with the "
        f"activation below it. {PROJECTION} A unit that stands for a part of the object shows that part, at its "
        "place, in every image, and nothing of the rest."
    ),
    nothing=(
        "The switches and edges of the image alone draw something that looks like it: in an untrained network, too, "
        "projections show outlines. A unit says more than that only as far as its projection differs from the "
        "untrained network’s and from other units’."
    ),
    control=(
        "Below each image’s row the same units of an untrained network of the same shape; and the cosine of each "
        "projection with another unit’s, and with an untrained network’s, from the same place."
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

SHEET = "The first row of a unit: the patches; the second: what the activations there project to, and these."

STRONGEST = Legend(
    title="What single feature maps respond to",
    question="Which images make single units of {point} most active, and what do these have in common?",
    measure=(
        "Over {num_images} images, one activation an image: the largest of the map. A patch is what its place can "
        "see; what is blank lies beyond the image’s edge. Projections are a deconvnet’s (Zeiler & Fergus 2013, "
        "section 2.1)."
    ),
    reading=(
        "Two rows a unit, its strongest image first: the patches, and below them what made the activation. What all "
        "patches share, and the projections show, the unit looks for; what differs between them it does not mind. "
        f"{PROJECTION} The weakest and random images wait below: a meaning has to be missing there."
    ),
    nothing=(
        "Strongest patches look alike in an untrained network, too, since every filter prefers some edge or shade. A "
        "unit has learned something as far as its patches share more than that, and its projections agree more with "
        "each other than an untrained unit’s do."
    ),
    control=(
        "The same for units of the same numbers in an untrained network, and the cosine of a unit’s projections with "
        "each other beside that with other units’."
    ),
    quantities={
        "strongest": Quantity("the strongest images", note=SHEET, captions="strongest_caption"),
        "untrained": Quantity("the strongest images of an untrained network", note=SHEET, captions="untrained_caption"),
        "agreement": Quantity(
            "how far the projections of a unit’s strongest images agree (mean cosine)",
            note="1 = the same picture in all; a unit that projects to nothing, or once, has none.",
        ),
        "weakest": Quantity(
            "the weakest images",
            note=f"Those whose largest activation is smallest, the smallest first. {SHEET}",
            show="folded",
            captions="weakest_caption",
        ),
        "random": Quantity("random images", note=SHEET, show="folded", captions="random_caption"),
        "fires": Quantity(
            "images in which a unit is anywhere above 0, in %",
            percent=True,
            show="folded",
            controls=("fires_untrained",),
            ends=(0.0, 100.0),
        ),
        "fires_untrained": Quantity("the same, untrained", show="beside"),
        **{f"{kind}_activation": Quantity(show="kept") for kind in ("strongest", "weakest", "random", "untrained")},
        **{f"{kind}_image": Quantity(show="kept") for kind in ("strongest", "weakest", "random", "untrained")},
        **{f"{kind}_place": Quantity(show="kept") for kind in ("strongest", "weakest", "random", "untrained")},
        "patch": Quantity(show="kept"),
        "projection": Quantity(show="kept"),
    },
    numbers={"point": "", "rule": "", "seed": "", "num_images": ""},
    axes={
        "unit": Dimension("unit"),
        "shown": Dimension("class"),
        "rank": Dimension("rank", "no."),
        "colour": Dimension("channel"),
        "shown_row": Dimension("pixel_row"),
        "shown_column": Dimension("pixel_column"),
        "comparison": Dimension("class", "projections", controls=("with other units’", "with each other, untrained")),
    },
)
