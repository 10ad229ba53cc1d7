"""Legends of attributions: what every map has beside it, and what is asked, read and doubted of each method."""

from dataclasses import replace

from glassworks.trace.legend import Dimension, Legend, Quantity

EDGES = (
    "the edges of the picture, which know nothing of the network; orders by these edges and at random; and the same"
    " network with its layers drawn anew"
)


def sheet_of(maps: str) -> Quantity:
    """The figure of the maps beside their images."""
    note = (
        f"The map is {maps}. Beside it the same map of the network with all layers drawn anew, and the Sobel edges of "
        "the picture. Each picture has its own scale, orange above 0 and blue below; full colour at the size that a "
        "hundredth of its pixels exceed."
    )
    return Quantity("each image, its map, and what the map must not look like", note=note)


JUDGED = Legend(
    title="An attribution",
    question="Which pixels does the network’s answer rest on, and does this map tell?",
    measure="The score is the model’s output for the class named before each image, before any softmax.",
    reading=(
        "Beside each image its map, the map of a network that has forgotten all, and the edges of the picture: a map "
        "that looks like both tells of the picture and not of the network. "
        "The curves say whether the pixels that the map names first are those that the class’s probability hangs on: "
        "taking them away should destroy it sooner (a lower curve), putting them back should bring it back sooner (a "
        "higher one) than other orders do."
    ),
    nothing=(
        "If the map said nothing of the network, it would stay the same as layers forget, its curves would be no "
        "better than those of random orders or of the edges, and all of what taking patches away does would be "
        "unexplained."
    ),
    control=f"Three: {EDGES}.",
    quantities={
        "sheet": sheet_of("what it gives each pixel"),
        "image": Quantity(show="kept"),
        "attribution": Quantity("the maps", note="All on one scale.", show="folded"),
        "forgotten": Quantity(show="kept"),
        "likeness": Quantity(
            "how like the maps stay as the network forgets",
            note=(
                "Layers are drawn anew from the last one down to the one named, and stay so (cascading randomisation, "
                "Adebayo et al. 2018). A map of what was learned falls towards 0 with the first of them. Ranks "
                "are of the pixels that are not 0 in both maps: what is black in a picture would agree for that alone."
            ),
            error="likeness_error",
            ends=(0.0, 1.0),
        ),
        "deletion": Quantity(
            "the class’s probability as pixels are taken away",
            note="By the share of pixels taken, in three orders. Lower is better.",
            error="deletion_error",
            ends=(0.0, 1.0),
        ),
        "insertion": Quantity(
            "the class’s probability as pixels are put into an empty picture",
            note="By the share of pixels put there. Higher is better.",
            error="insertion_error",
            ends=(0.0, 1.0),
        ),
        "area": Quantity(
            "mean height of these curves",
            note="Of deletion lower is better, of insertion higher (Petsiuk et al. 2018).",
            error="area_error",
            ends=(0.0, 1.0),
        ),
        "unexplained": Quantity(
            "share of what taking patches away does to the score that the map does not foretell",
            note=(
                "The infidelity of Yeh et al. 2019, of square patches, with each map scaled as serves it best: 0 = it "
                "foretells all, 1 = nothing."
            ),
            error="unexplained_error",
            ends=(0.0, 1.0),
        ),
        "gap": Quantity("what the shares fail to add up to, of each image", show="folded"),
        "change": Quantity("change of the score from the baseline to each image", show="folded"),
        **{
            name: Quantity(show="beside")
            for name in ("likeness_error", "deletion_error", "insertion_error", "area_error", "unexplained_error")
        },
    },
    numbers={
        "num_images": "",
        "seed": "",
        "randomisation": "randomisation test",
        "likeness_left": "rank correlation with the maps of networks that forget, mean over layers",
        "likeness_edges": "rank correlation with the picture’s edges",
        "infidelity": "infidelity, as the share of effects not foretold",
        "largest_gap": "completeness: largest gap between the sum of shares and the change of the score",
        "its_change": "that change of the score",
        "steps": "steps of the integral",
        "noise": "noise, as a share of an image’s range",
        "samples": "noisy copies",
        "point": "point where the maps are read",
    },
    axes={
        "example": Dimension("class", "image"),
        "shown": Dimension("class", controls=("forgotten", "edges")),
        "channel_or_opacity": Dimension("channel"),
        "layer": Dimension("layer", "layers drawn anew, from the last down to"),
        "measure": Dimension("class"),
        "order": Dimension("class", controls=("edges", "random")),
        "share": Dimension("value", "share of pixels"),
        "curve": Dimension("class"),
    },
    entries={
        "map": "this map",
        "random": "at random",
        "forgotten": "all layers drawn anew",
        "edges": "edges of the picture",
        "spearman": "rank correlation (Spearman)",
        "ssim": "structural similarity",
    },
)


def about(title: str, question: str, maps: str, reading: str) -> Legend:
    """The legend of one method: what it is called, asks and draws, before what is read of all."""
    figures = {"sheet": sheet_of(maps), "attribution": Quantity(maps, note="All on one scale.", show="folded")}
    quantities = {**JUDGED.quantities, **figures}
    return replace(JUDGED, title=title, question=question, quantities=quantities, reading=f"{reading} {JUDGED.reading}")


SALIENCY = about(
    "Saliency",
    "To which pixels is the class’s score most sensitive?",
    "the largest size of the gradient among a pixel’s channels, in score per unit of a pixel",
    "The gradient says how the score would change with small changes of a pixel, not what the score is made of.",
)

SMOOTH_GRAD = about(
    "SmoothGrad",
    "To which pixels is the class’s score sensitive, also in pictures that are nearly the same?",
    "the size of the mean gradient over noisy copies, in score per unit of a pixel",
    "The mean over {samples} copies with noise leaves what their gradients agree in.",
)

INTEGRATED_GRADIENTS = about(
    "Integrated gradients",
    "How is the change of the class’s score, from a picture of nothing to this one, shared out among the pixels?",
    "each pixel’s share in the change of the score, orange where it raises it and blue where it lowers it",
    (
        "Shares add up to the change of the score, but for the gap of completeness, {largest_gap} at most here of a "
        "change of {its_change}. All depends on the baseline, the picture of nothing: a pixel that is as there has no "
        "share, whatever it means."
    ),
)

GUIDED_BACKPROP = about(
    "Guided backpropagation",
    "Which lines of the picture pass all layers on the way to the class’s score?",
    "the largest size of the guided gradient among a pixel’s channels",
    (
        "Known to fail the randomisation test: it restores the picture’s lines from the first layers, whatever the "
        "class and nearly whatever the upper layers have learned (Adebayo et al. 2018, Nie et al. 2018). It shows what "
        "a network can see, not what its answer rests on. What the test gave here stands among the numbers."
    ),
)

GUIDED_GRAD_CAM = about(
    "Guided Grad-CAM",
    "Which lines of the picture lie where the class’s evidence is?",
    "the largest size among a pixel’s channels of the guided gradient times Grad-CAM",
    (
        "Where it is comes from Grad-CAM, the fine lines from guided backpropagation, which shows the picture's lines "
        "whatever was learned: the lines are not to be read as the network’s reasons."
    ),
)

WHERE = "The map is as coarse as the layer at {point}, enlarged to pixels: its soft edges are no edges that were seen."

CAMS = {
    "grad": about(
        "Grad-CAM",
        "Where in the picture does the evidence for the class lie?",
        "the sum of the layer’s maps, each weighted by its mean gradient; what speaks against the class is left out",
        WHERE,
    ),
    "grad++": about(
        "Grad-CAM++",
        "Where in the picture does evidence for the class lie, also if it is there more than once?",
        "the sum of the layer’s maps, weighted by positive gradients, more so where few places have them",
        f"{WHERE} Several objects of a class weigh alike, however large.",
    ),
    "hires": about(
        "HiRes-CAM",
        "Which places of the layer does the class’s score really add up?",
        "the sum of the layer’s maps times their gradients, place by place; what speaks against the class is left out",
        f"{WHERE} Of a network that is linear behind the layer, all places, for and against, add up to its score.",
    ),
}
