"""The legend of the Hessian."""

from glassworks.trace.legend import Dimension, Legend, Quantity

UNTRAINED = "untrained"

HESSIAN = Legend(
    title="How the loss curves",
    question="How sharply does the loss bend around these weights, and in how many directions?",
    measure=(
        "Eigenvalues of the Hessian of the mean loss by all {num_weights} weights: by how much the slope grows for a "
        "step of length 1 in the direction of each."
    ),
    reading=(
        "The largest eigenvalue is what limits the learning rate: plain gradient descent goes up along it if the rate "
        "is above 2 divided by it. A few large ones that stand apart, about as many as there are classes, and a bulk "
        "around 0 are what trained networks usually show. Below 0 the loss bends downwards: no minimum yet. The "
        "density is on a logarithmic scale."
    ),
    nothing=(
        "Weights that training had not moved would have the untrained network’s lines; a flat loss has all of its "
        "eigenvalues at 0."
    ),
    control="An untrained network of the same architecture on the same batch, dashed.",
    quantities={
        "eigenvalue": Quantity(
            "the largest eigenvalues",
            note="From {products} products with the Hessian; how far off each may be stands below “More numbers”.",
        ),
        "eigenvalue_error": Quantity("residual: an eigenvalue lies within this of each", show="folded", log=True),
        "density": Quantity(
            "density of eigenvalues (share of all per unit)",
            note="Each is spread by {width}; the error is over {runs} random vectors.",
            log=True,
        ),
        "density_error": Quantity("its standard error over random vectors", show="kept"),
        "trace": Quantity(
            "trace: the sum of all eigenvalues",
            note="The error is the standard error over {probes} random vectors.",
            error="trace_error",
        ),
        "trace_error": Quantity("its standard error", show="beside"),
        "smallest": Quantity("the smallest eigenvalue", note="Below 0: there is a way down."),
        "smallest_error": Quantity("residual of the smallest", show="folded"),
    },
    numbers={
        "num_weights": "weights",
        "products": "products with the Hessian for the eigenvalues",
        "probes": "random vectors for the trace",
        "runs": "",
        "width": "",
        "seed": "",
    },
    axes={
        "network": Dimension("class", controls=(UNTRAINED,)),
        "rank": Dimension("rank"),
        "place": Dimension("value", "eigenvalue"),
    },
)
