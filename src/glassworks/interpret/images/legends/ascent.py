"""Legends of what units would like best, and of what a layer takes for alike."""

from glassworks.trace.legend import Dimension, Legend, Quantity

FEATURE_VISUALISATION = Legend(
    title="What units would like best",
    question="Which picture would make single units of {point} most active, and has the data any like it?",
    measure=(
        "A unit’s activation, the mean over the places of its map. Below each picture stands what the unit says of it."
    ),
    reading=(
        "One row a unit: pictures found by gradient ascent, each from noise of its own, then the strongest of "
        "{num_images} images. What all seeds share, and the images show, the unit looks for. Where seeds differ, it "
        "takes several things. Where they reach far more than any image, the network never had to judge their like; "
        "where they reach less, or nothing, ascent has not found what the unit looks for."
    ),
    nothing=(
        "Every unit has a picture that raises it, learned or not, so a picture alone says little: a unit that looks "
        "for nothing in the data gives textures that share nothing with its strongest images."
    ),
    control=(
        "The data’s own strongest images; several seeds; and what the unit says of the noise at the start and of the "
        "data’s middle, which is what {steps} steps of ascent started from."
    ),
    quantities={
        "picture": Quantity(
            "pictures by ascent, and the data’s strongest images",
            note="Below each, the unit’s activation.",
            captions="caption",
        ),
        "caption": Quantity(show="beside"),
        "reached": Quantity("activations reached", show="folded"),
        "start": Quantity("activations of the noise at the start", show="folded"),
        "spread": Quantity("activations of the images, by percentile", show="folded"),
    },
    numbers={"point": "", "steps": "", "num_images": "", "seeds": "pictures of each unit"},
    axes={
        "unit": Dimension("unit"),
        "shown": Dimension("class"),
        "seed": Dimension("example"),
        "quantile": Dimension("class"),
    },
)

NEIGHBOURS = Legend(
    title="What each layer takes for alike",
    question="Which images lie nearest to this one, by its pixels and in each layer, and are they of its class?",
    measure=(
        "Nearest by the cosine of the values, each centred by the mean over {num_images} images that are looked among."
    ),
    reading=(
        "One row a layer, first the pixels themselves: the image, then its nearest neighbours, with their labels. "
        "Early layers find the same shades and strokes; where the network has learned, later ones find the same "
        "thing, however it looks. Below, the share of neighbours with the label of their image, over all images that "
        "were asked for."
    ),
    nothing=(
        "If layers added nothing, they would agree with labels as often as pixels do, and an untrained network does "
        "that, too: it loses little of what the pixels tell."
    ),
    control=(
        "The nearest by pixels; the same layers of an untrained network; and images drawn at random, which agree as "
        "often as labels are frequent."
    ),
    quantities={
        "picture": Quantity("images and their nearest neighbours", note="Below each, its label.", captions="caption"),
        "caption": Quantity(show="beside"),
        "agreement": Quantity(
            "share of nearest neighbours with the image’s label",
            note="Whiskers are one standard error over the images that were asked for.",
            error="agreement_error",
            controls=("agreement_untrained", "agreement_random"),
            ends=(0.0, 1.0),
        ),
        "agreement_error": Quantity(show="beside"),
        "agreement_untrained": Quantity("the same of an untrained network"),
        "agreement_random": Quantity("images drawn at random"),
        "neighbour": Quantity("numbers of the neighbours", show="kept"),
        "similarity": Quantity("cosines", show="folded"),
    },
    numbers={"num_images": "", "k": "", "seed": ""},
    axes={
        "asked": Dimension("example", "image"),
        "example": Dimension("class", "image"),
        "space": Dimension("layer", "layer"),
        "shown": Dimension("class"),
        "rank": Dimension("rank"),
    },
)
