"""Every method of `look`, with what it asks and its control, for a terminal."""

from glassworks.core.columns import fold
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.trace.legend import filled

SPOKEN = {"metric_token": "one word", "metric_less_token": "another", "wrong_place": "another place"}
"""What the list of methods says where a page names what it has found."""

TIMES = (
    "Times are processor time of one core of a Xeon, on a sentence of 14 tokens; the demo's model has 1.8 million "
    "weights. docs/pretrained.md says them all."
)
"""What stands below the list of methods."""


def listing(width: int | None) -> str:
    """The methods, those of networks that read text first, folded to a width."""
    lines = []
    for of, title in (("text", "Networks that read text:"), ("images", "Networks that read images:")):
        lines += [title, ""]
        for name, method in METHODS.items():
            if of in method.of:
                marks = [
                    *(["in a first look"] if method.quick else []),
                    *([f"slow: {method.slow}"] * bool(method.slow)),
                ]
                lines += fold(f"{name} ({'; '.join(marks)})" if marks else name, width, "  ")
                for text in (method.legend.question, f"control: {method.legend.control}"):
                    lines += fold("    " + filled(text, lambda name: SPOKEN.get(name, "some")), width, "    ")
        lines.append("")
    of_tables = ", ".join(name for name, method in METHODS.items() if "table" in method.of)
    lines += [*fold(f"Networks that read rows of a table, all in a first look: {of_tables}.", width), ""]
    return "\n".join([*lines, *fold(TIMES, width)])
