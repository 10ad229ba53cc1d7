"""Legends: what is asked of the methods, and how the answers are read."""

from glassworks.trace.legend import Dimension, Legend, Quantity

CONTEST = Legend(
    title="Every method at the same cost",
    question="How far does each way of learning come with as many forward passes, and with as much time?",
    measure=(
        "Share of {num_test} test examples that a network of {weights} weights has wrong, mean of {seeds} "
        "trainings of each method from the same weights. {passes} passes over a batch of {batch}; {seconds} "
        "seconds of the processor. A pass is a batch's loss; a step with a gradient or by a rule counts as many as its "
        "multiplications are worth. Refused at this size: {refused}."
    ),
    reading=(
        "A row a method, the best first. Where a method is far better by passes than by time, it computes much beside "
        "them; the other way around, its passes are cheap: nothing is kept for a gradient, and many run at once."
    ),
    nothing="All rows at {untrained}, which the network has wrong as it begins.",
    control="Methods that have the gradient, from the same weights at the same cost.",
    quantities={
        "by_passes": Quantity(
            "wrong after as many passes, in %", error="by_passes_error", percent=True, ends=(0.0, 1.0)
        ),
        "by_time": Quantity("wrong after as much time, in %", error="by_time_error", percent=True, ends=(0.0, 1.0)),
        **{name: Quantity("its standard error", show="beside") for name in ("by_passes_error", "by_time_error")},
        "cost": Quantity("passes of a step", show="folded"),
        "seconds": Quantity("seconds that as many passes took", show="folded"),
        "rate": Quantity("learning rate, as a multiple of the method's own", show="folded"),
    },
    numbers={
        "num_test": "",
        "weights": "",
        "seeds": "",
        "passes": "",
        "batch": "",
        "seconds": "",
        "untrained": "",
        "refused": "",
    },
    axes={"method": Dimension("class")},
)

SUITE = Legend(
    title="Where each family stops working",
    question="Up to how many dimensions does a method find its way by values alone?",
    measure=(
        "Share of {functions} test functions, {seeds} start(s) of each, on which a method has got rid of 90 % "
        "(or 99.9 %) of what the start lies above the optimum, after {evaluations} evaluations."
    ),
    reading=(
        "A row a method, a column a number of dimensions. Methods that model the curvature are far ahead in few "
        "dimensions, and cost the square of them; those that only follow a slope get less far everywhere and lose less."
    ),
    nothing="The row of random search: what so many points would find without learning anything.",
    control="Random search, and a method that has the gradient, for which an evaluation counts three times.",
    quantities={
        "solved_coarsely": Quantity("90 % of the way down, share of problems in %", percent=True, ends=(0.0, 1.0)),
        "solved_finely": Quantity("99.9 % of the way down, share of problems in %", percent=True, ends=(0.0, 1.0)),
        "left": Quantity("share of the way that is left, geometric mean", log=True, show="folded"),
        "left_of_function": Quantity("the same of each function", log=True, show="kept"),
    },
    numbers={"functions": "", "seeds": "", "evaluations": ""},
    axes={"method": Dimension("class"), "dimension": Dimension("class", "dimensions"), "function": Dimension("class")},
)
