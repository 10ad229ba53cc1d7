"""What a network of images sees, for its run's page: where it looks, and what its feature maps answer to."""

from glassworks.draw.markup import Markup, join, tag
from glassworks.report.contents import Contents
from glassworks.report.training_curves import missing
from glassworks.trace.render import explained

PARTS = (
    ("grad_cam", "Where it looks"),
    ("first_maps", "What the first layer's maps answer to"),
    ("last_maps", "What the last layer's maps answer to"),
)


def inside(contents: Contents) -> Markup:
    """Grad-CAM, and deconvnet projections of the strongest examples."""
    look = f"glassworks look {contents.quoted}"
    parts = []
    for name, title in PARTS:
        parts.append(tag("h3", title))
        trace = contents.traces.get(name)
        parts.append(missing("Not looked at yet. Look inside by", look) if trace is None else explained(trace))
    return join(parts)
