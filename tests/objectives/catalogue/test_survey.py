"""All that the survey has is in the catalogue, and what it has wrong is shown by a test."""

from pathlib import Path

from glassworks.objectives.catalogue.survey import SURVEY_LOSSES, SURVEY_METRICS
from glassworks.objectives.catalogue.table import LOSSES, METRICS

SHOWN = {"jaccard": "iou", "generator": "minimax", "kl_divergence": "kl"}


def test_its_63_losses_are_here() -> None:
    assert sum(map(len, SURVEY_LOSSES.values())) == 63
    assert {name for task in SURVEY_LOSSES.values() for names in task.values() for name in names} <= LOSSES.keys()


def test_its_59_metrics_are_here() -> None:
    assert sum(map(len, SURVEY_METRICS.values())) == 59
    assert {name for task in SURVEY_METRICS.values() for names in task.values() for name in names} <= METRICS.keys()


def test_each_error_of_it_is_shown_by_a_test() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    wrong = {name for entries in (LOSSES, METRICS) for name, entry in entries.items() if entry.survey}
    assert len(wrong) >= 15
    for name in wrong:
        assert f"def test_survey_{SHOWN.get(name, name)}_" in tests, name
