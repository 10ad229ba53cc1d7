"""`glassworks metrics`: every metric, what it can come to, and when to take it."""

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.losses import Metrics, show


def run(arguments: Arguments) -> None:
    """Parse; list, or show."""
    show(arguments.parse(Metrics, "metrics"), "metric")
