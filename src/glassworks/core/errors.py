"""The package's own errors. A user's mistake is a `ValueError`; these are for what happens to files and runs.

GlassworksError
├── FileDamaged      a file is truncated, altered or not what it claims to be
└── RunError         a run cannot go on: its folder is unusable, its loss diverged, its data has changed

The command line turns each of them, `ValueError` and `OSError` into one line and exit code 2.
"""


class GlassworksError(Exception):
    """What every error of the package's own derives from."""


class FileDamaged(GlassworksError):
    """A file is truncated, altered or not what it claims to be; the message names it and the remedy."""


class RunError(GlassworksError):
    """A run cannot go on; the message says why and what to try."""
