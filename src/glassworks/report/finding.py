"""The page of any reproduction, from what its folder keeps."""

from collections.abc import Callable
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.core.runs import Run
from glassworks.reproductions.batchnorm.page import batchnorm_story
from glassworks.reproductions.deconvnet.page import deconvnet_story
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.induction.page import induction_story
from glassworks.reproductions.initialisation.page import initialisation_story
from glassworks.reproductions.makemore.page import makemore_story
from glassworks.reproductions.othello.page import othello_story
from glassworks.reproductions.page import Story, page
from glassworks.reproductions.rlhf.page import rlhf_story
from glassworks.reproductions.separability.page import separability_story
from glassworks.reproductions.without_backprop.page import without_backprop_story

STORIES: dict[str, Callable[[Run, Finding], Story]] = {
    "makemore": makemore_story,
    "othello": othello_story,
    "induction": induction_story,
    "deconvnet": deconvnet_story,
    "separability": separability_story,
    "batchnorm": batchnorm_story,
    "without-backprop": without_backprop_story,
    "initialisation": initialisation_story,
    "rlhf": rlhf_story,
}
"""Name of the reproduction to what its page says and draws."""


def write_finding_page(folder: Path) -> Path:
    """Write `report.html` beside the finding.json of a finished reproduction, atomically; returns its path."""
    run, path = Run(folder), folder / "report.html"
    finding = Finding.load(folder / "finding.json")
    write_text(path, page(finding, STORIES[run.record["reproduction"]["name"]](run, finding)))
    return path
