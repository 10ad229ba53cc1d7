"""The page: both networks' curves, covariate shift by layer, norms of other orders, and the theorems."""

from glassworks.core.runs import Run
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.batchnorm.networks import VGG
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, beginning, row_named, rows_figure, value
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
    """Whether it is stability or smoothness that goes with training well, in the VGG."""
    stable = not row_named(finding, f"{VGG}: noisy batch norm's activations are less stable than none's").ours
    well = row_named(finding, f"{VGG}: noisy batch norm trains about as well as batch norm").ours
    smooth = [row for row in finding.rows if "is smaller under batch norm, along" in row.what]
    held = sum(value(row.ours) == 1 for row in smooth)
    noisy = "move its layers' inputs no more" if stable else "makes its layers' inputs move more"
    trains = "trains about as well as batch norm" if well else "does not train as well as batch norm"
    return (
        f"Noise behind batch norm {noisy} than without any norm, and it {trains}: stability is "
        f"{'not ' if well and not stable else ''}what decides. Of {len(smooth)} measures of smoothness {held} are "
        "lower under batch norm than without a norm."
    )


def theorems(finding: Finding) -> Markup:
    """The identities' largest deviations."""
    said = (
        "Theorems 4.1 and 4.2 bound the gradient through a batch norm and the curvature along it. With its gain and "
        "bias constant both are equalities; here are the largest differences of both sides, measured on units of the "
        "networks that were trained."
    )
    rows = beginning(finding, "Theorem ")
    return join([tag("p", said), rows_figure(rows, "As a share of the terms' size; rounding is about 1e-16.")])
