"""`glassworks studio`: runs and models on a page that one can touch."""

from dataclasses import dataclass
from pathlib import Path

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Studio:
    """Open the studio in the browser: watch trainings, open networks up, touch every number; until ctrl-C."""

    runs: Path = Path("runs")
    """The folder of runs."""
    port: int | None = None
    """Of this machine; nobody else can reach it. None = 8400, or the next that is free."""
    model: tuple[Path, ...] = ()
    """Model folders in the Hugging Face layout, anywhere on this machine, for its pages Transformer and Translation."""
    browser: bool = True
    """Open the page; else only print its address."""


def run(arguments: Arguments) -> None:
    """Parse, serve."""
    args = arguments.parse(Studio, "studio")
    if args.port is not None and not 0 <= args.port < 2**16:
        raise ValueError(f"port (={args.port}) must be from 0, any that is free, to 65535")
    if args.runs.exists() and not args.runs.is_dir():
        raise ValueError(f"runs (={args.runs}) is not a folder: give the one that holds runs")
    from glassworks.studio.serve import model_folders, serve

    serve(args.runs, args.port, models=model_folders(args.model, args.runs), browser=args.browser)
