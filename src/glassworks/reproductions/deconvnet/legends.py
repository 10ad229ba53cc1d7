"""Legends of first layers: their filters, and what is measured of them."""

from glassworks.trace.legend import Dimension, Legend, Quantity

UNTRAINED = "untrained"

READING = Legend(
    title="What is wrong with a first layer, measured",
    question="Which filters see nothing, which see what their map cannot carry, and do a few dominate?",
    measure=(
        "Means of {runs} trainings of each, on {num_images} test images. A map with a place every s pixels carries at "
        "most 1 / (2 s) periods a pixel; the power of faster ones is folded onto slower ones."
    ),
    reading=(
        "A row a first layer, a dot a network. Zeiler and Fergus saw dead and aliased filters in pictures; here "
        "they are counted. Aliased power is what the smaller stride mends, the spread what clipping does."
    ),
    nothing="All dots near 0, and a spread of 1: filters that all see something their map can carry.",
    control=(
        "The same of an untrained network: what the kernel and the stride do by themselves, before anything is learned."
    ),
    quantities={
        "aliased": Quantity(
            "power of the median filter that its stride folds, in %",
            note="Of the maps with stride 1, above the Nyquist frequency of the layer's stride.",
            error="aliased_error",
            percent=True,
            ends=(0.0, 1.0),
        ),
        "dead": Quantity(
            "dead filters, in %",
            note="Those whose map is nowhere above 0 in any of the images.",
            error="dead_error",
            percent=True,
            ends=(0.0, 0.1),
        ),
        "spread": Quantity("largest RMS of a filter over the median one", error="spread_error", ends=(0.0, 2.0)),
        "wrong": Quantity("test examples that are wrong, in %", error="wrong_error", percent=True, show="kept"),
        **{
            f"{name}_error": Quantity("its standard error", show="beside")
            for name in ("aliased", "dead", "spread", "wrong")
        },
    },
    numbers={"runs": "", "num_images": ""},
    axes={
        "network": Dimension("class", controls=(UNTRAINED,)),
        "variant": Dimension("class", "first layer"),
    },
)

FILTERS = Legend(
    title="The first layer's filters, before and after",
    question="Can it be seen in the filters, and in their maps, that the first layer reads too coarsely?",
    reading=(
        "Maps as the next layer gets them, one square a place: in those of the large stride the stripes are gone, or "
        "have become other ones, that are not in the image."
    ),
    nothing="Maps of both layers would show the same stripes, with coarser squares above.",
    control="The same image under both layers.",
    quantities={
        "map": Quantity(
            "an image, and its maps",
            note="The maps of five filters from the most to the least aliased, each scaled by itself.",
            ends=(-1.0, 1.0),
        ),
        "filter": Quantity(
            "the filters, the most aliased first",
            note="Each scaled by itself; below it the share of its power that is aliased.",
            captions="share",
        ),
        "share": Quantity(show="beside"),
    },
    axes={
        "network": Dimension("class"),
        "shown": Dimension("class"),
        "line": Dimension("class"),
        "place": Dimension("class"),
        "colour": Dimension("channel"),
        "filter_row": Dimension("pixel_row"),
        "filter_column": Dimension("pixel_column"),
    },
)
