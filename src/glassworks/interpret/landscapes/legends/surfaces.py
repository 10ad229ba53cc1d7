"""Legends of the loss over lines and planes."""

from dataclasses import replace

from glassworks.trace.legend import Dimension, Legend, Quantity

RANDOM = "two random directions, each filter of them as long as the network’s (Li et al. 2018, section 4)"
WAYS = {
    "random": RANDOM,
    "path": "the two directions along which the training’s path strays most from its end (Li et al. 2018, section 7)",
    "curvature": "the eigenvectors of the Hessian’s two largest eigenvalues",
    "given": "two given directions",
}
UNITS = {
    "random": "1 changes every filter by its own length",
    "path": "distance in weights",
    "curvature": "1 is as far as the weights are long",
    "given": "in units of the directions",
}
UNTRAINED = "An untrained network of the same architecture, on a plane around its own weights that is drawn likewise."
WALK = (
    "A random walk with steps as long: two components take most of it, too, so that a path that looks straight, or "
    "bends once, is no finding by itself."
)


def surface_legend(directions: str = "random", path: bool = False, components: int = 0) -> Legend:
    """The legend of a surface: what spans it, and whether a path is on it."""
    on_it = (
        " The line is the way of the training, projected onto the plane, its end at (0, 0); its own losses are those "
        "of the places where it was, beside the plane."
    )
    return Legend(
        title="The loss on a plane",
        question="What does the loss look like around these weights: a smooth bowl, a valley, cliffs?",
        measure=(
            f"The mean loss at weights moved along {WAYS[directions]}; {UNITS[directions]}. At (0, 0) it is the "
            "network’s own, {loss_here}. Statistics of BatchNorm: {statistics}. Points without a finite loss: {failed}."
        ),
        reading=(
            "Lines join places of equal loss, darker is higher. A wide bowl means that weights may be off by much; "
            "narrow rings across one direction and wide ones along the other are a valley, where one learning rate "
            "suits neither." + (on_it if path else "")
        ),
        nothing=(
            "Around weights that mean nothing the loss hardly changes, or does so alike in all directions, and (0, 0) "
            "is no lower than its surroundings."
        ),
        control=WALK if directions == "path" else UNTRAINED,
        quantities={
            "loss": Quantity("loss on the plane"),
            "loss_untrained": Quantity("loss of an untrained network, on a plane of its own"),
            "path_first": Quantity("the path’s place along the first direction", show="kept"),
            "path_second": Quantity("the path’s place along the second direction", show="kept"),
            "path_loss": Quantity("the path’s own loss", show="folded"),
            "shares": Quantity(
                "how much of the path each direction has", controls=("shares_random",), percent=True, ends=(0.0, 100.0)
            ),
            "shares_random": Quantity("of a random walk", show="beside"),
        },
        numbers={"loss_here": "loss", "failed": "points without a finite loss", "directions": "", "statistics": ""}
        | {"seed": ""},
        axes={
            "first": Dimension("value", "first direction"),
            "second": Dimension("value", "second direction"),
            "step": Dimension("step"),
            "component": Dimension("rank", "component"),
        },
    )


LOSS_SURFACE = replace(
    surface_legend(),
    control=(
        "Of a plane of random directions, an untrained network of the same architecture, on a plane around its own "
        "weights that is drawn likewise. Of the plane of a training’s path, where the run remembers it, a random walk "
        "with steps as long."
    ),
)
"""Of whichever plane is drawn, before it is known which: a trace has `surface_legend`’s own."""

LOSS_LINE = Legend(
    title="The loss along lines",
    question="How wide is the minimum: how fast does the loss rise as the weights move away?",
    measure=(
        f"The mean loss at weights moved along a line: {RANDOM.removeprefix('two ')}; {UNITS['random']}. At 0 it is "
        "the network’s own, {loss_here}. Points without a finite loss: {failed}."
    ),
    reading="A line a direction. Where lines rise late, weights may be off by much; directions differ where lines do.",
    nothing="Around weights that mean nothing, lines are flat, and 0 is no lower than elsewhere.",
    control="An untrained network of the same architecture, along the same directions, scaled to its own filters.",
    quantities={"loss": Quantity("loss along a line")},
    numbers={"loss_here": "loss", "failed": "points without a finite loss", "seed": ""},
    axes={
        "network": Dimension("class", controls=("untrained",)),
        "draw": Dimension("class", "direction"),
        "place": Dimension("value", "distance"),
    },
)
