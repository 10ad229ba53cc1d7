"""The legend of a search seen at work."""

from glassworks.trace.legend import Dimension, Legend, Quantity


def population_legend(*, log: bool = False) -> Legend:
    """What is drawn of a population. `log` = the lowest losses span too much for a straight axis."""
    return Legend(
        title="A search at work",
        question="Where does {optimizer} look, and how does what it has seen change where it looks next?",
        measure="What is searched is {of}. Each dot is a place where the loss was asked for.",
        reading=(
            "Darker is higher. A population that stretches along a valley has learned its shape; one that shrinks has "
            "settled, in the lowest place or in another; one that keeps its size has learned nothing of it."
        ),
        nothing="Dots that lie the same way in every generation, and a lowest loss no lower than the random search’s.",
        control="A random search with as many steps from the same start.",
        quantities={
            "loss": Quantity("loss"),
            "lowest": Quantity("lowest loss seen so far", controls=("lowest_random",), log=log),
            "lowest_random": Quantity("of a random search", show="beside"),
            **{
                f"{what}_{way}": Quantity(f"{said}’s place along the {way} axis", show="kept")
                for what, said in (("member", "each candidate"), ("centre", "the estimate"))
                for way in ("first", "second")
            },
        },
        numbers={"optimizer": "", "of": "", "start_first": "", "start_second": "", "seed": ""},
        axes={
            "first": Dimension("value", "first"),
            "second": Dimension("value", "second"),
            "generation": Dimension("step", "generation"),
            "member": Dimension("unit", "candidate"),
        },
    )
