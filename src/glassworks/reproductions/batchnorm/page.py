"""The page: both networks' curves, covariate shift by layer, norms of other orders, and the theorems."""

from glassworks.core.runs import Run
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, beginning, rows_figure
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

NAMES = {
    "vgg_curves": "The VGG, side by side",
    "lower_curves": "The VGG at a lower learning rate, side by side",
    "linear_curves": "25 linear layers, side by side",
    "vgg_layers": "Covariate shift in the VGG, layer by layer",
    "lower_layers": "Covariate shift in the VGG at a lower rate, layer by layer",
    "linear_layers": "Covariate shift in the linear network, layer by layer",
    "vgg_orders": "Norms of other orders",
    "lower_orders": "Norms of other orders at a lower rate",
}


def batchnorm_story(run: Run, finding: Finding) -> Story:
    """From the finding and the traces of a finished reproduction."""
    traces = {name: Trace.load(run.path / "traces" / name) for name in NAMES}
    sections = [(name, title, explained(traces[name])) for name, title in NAMES.items()]
    return Story(
        "How batch norm helps", sentence(finding), [*sections, ("theorems", "The theorems", theorems(finding))]
    )


def sentence(finding: Finding) -> str:
    """How many of the networks show each of the paper's statements."""
    said = {
        end: held(finding, end)
        for end in (
            ": noisy batch norm's activations are less stable than none's",
            ": noisy batch norm trains about as well as batch norm",
            ": covariate shift ||G - G'|| is not smaller under batch norm",
        )
    }
    smooth = [row for row in finding.rows if "is smaller under batch norm, along" in row.what]
    unstable, well, shifted = said.values()
    return (
        f"With noise behind its norms the inputs of layers are less stable than without any norm in {unstable} "
        f"networks, and training goes about as well as with batch norm in {well}. Covariate shift is not smaller under "
        f"batch norm in {shifted}; of {len(smooth)} measures of smoothness along steps "
        f"{sum(row.ours == 1 for row in smooth)} are smaller under it, beyond their intervals."
    )


def held(finding: Finding, end: str) -> str:
    """Of how many networks a statement holds, of those where it was asked: "2 of 3"."""
    rows = [row for row in finding.rows if row.what.endswith(end) and row.ours is not None]
    return f"{sum(row.ours == 1 for row in rows)} of {len(rows)}"


def theorems(finding: Finding) -> Markup:
    """The identities' largest deviations."""
    said = (
        "Theorems 4.1 and 4.2 bound the gradient through a batch norm and the curvature along it. With its gain and "
        "bias constant both are equalities; here are the largest differences of both sides, measured on units of the "
        "networks that were trained."
    )
    rows = beginning(finding, "Theorem ")
    return join([tag("p", said), rows_figure(rows, "As a share of the terms' size; rounding is about 1e-16.")])
