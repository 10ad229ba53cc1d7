"""The legend of occlusion."""

from glassworks.trace.legend import Dimension, Legend, Quantity

OCCLUSION = Legend(
    title="What a grey square takes away",
    question="Does the answer rest on the object, and does the strongest feature of {point} stand for a part of it?",
    measure=(
        "A square of {window} × {window} pixels, all of them {fill}, moves over the image in steps of {stride}. Each "
        "cell of a map is one place of its middle; the numbers are what the network makes of the image with the "
        "square."
    ),
    reading=(
        "One row an image. Beside it what the activation of its strongest feature map projects to; that map’s total "
        "activation; the probability of the true class; and the class that is said, a colour each. Where cells are "
        "pale, the square takes most. If the network looks at the object, the probability goes where the object is "
        "covered; if the feature is a part that matters, its activation goes at the place that the projection "
        "shows, and the probability with it. A probability that goes elsewhere, at a border or a corner, is a "
        "network that looked at the wrong thing."
    ),
    nothing=(
        "Maps of one colour: no place matters more than another. A grey square is itself a shape with edges, so that "
        "some places take a little from every network."
    ),
    control=(
        "The total activation of a random other feature map under the same square, and the probability that an "
        "untrained network of the same shape gives the true class."
    ),
    quantities={
        "picture": Quantity("images and projections of their strongest feature"),
        "activation": Quantity("total activation of a feature map", note="By place of the square."),
        "probability": Quantity("probability of the true class", note="By place of the square.", ends=(0.0, 1.0)),
        "label": Quantity("the class that is said", show="folded"),
        "correlation": Quantity(
            "do activation and probability go together? (correlation over the places of the square)",
            ends=(-1.0, 1.0),
        ),
        "share": Quantity("share of places at which a class is said, in %", percent=True, show="folded"),
        "projection": Quantity(show="kept"),
        "unit": Quantity(show="kept"),
        "whole_activation": Quantity("total activation without a square", show="folded"),
        "whole_probability": Quantity("probability without a square", show="folded"),
        "whole_label": Quantity(show="kept"),
        "target": Quantity(show="kept"),
    },
    numbers={"point": "", "window": "", "stride": "", "rule": "", "fill": "", "seed": ""},
    axes={
        "example": Dimension("example", "image"),
        "shown": Dimension("class"),
        "colour": Dimension("channel"),
        "feature": Dimension("class", "feature map", controls=("random",)),
        "network": Dimension("class", controls=("untrained",)),
        "window_row": Dimension("pixel_row"),
        "window_column": Dimension("pixel_column"),
        "class": Dimension("class"),
    },
    entries={"strongest": "strongest feature map", "random": "random feature map"},
)
