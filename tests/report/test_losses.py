"""The page of losses: every one is drawn, by its own values and slopes."""

import re

import pytest
import torch

from glassworks.objectives.catalogue.along import along, with_outlier, with_wrong_labels
from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.catalogue.ways import WAYS
from glassworks.report.losses import page, section

STOPPED = {"berhu", "circle"}
"""A part of these is taken for a number: their slope is not that of what is drawn."""


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_way_whose_slope_is_its_own(name: str) -> None:
    places, losses, slopes = (torch.tensor(each, dtype=torch.float64) for each in along(name))
    assert torch.isfinite(losses).all()
    assert losses.max() > losses.min() + 1e-3
    if name not in STOPPED:
        differences = (losses[2:] - losses[:-2]) / (places[2:] - places[:-2])
        off = (differences - slopes[1:-1]).abs() / slopes.abs().max()
        assert off.quantile(0.9) < 0.02  # but for kinks


def test_only_what_is_no_loss_of_one_task_has_no_way() -> None:
    assert WAYS.keys() == LOSSES.keys()


def test_an_outlier_draws_the_mean_without_bound_and_the_rest_no_further_than_they_pull() -> None:
    ends = {name: found[1][-1] for name in LOSSES if (found := with_outlier(name)) is not None}
    assert ends["mse"] == pytest.approx(20 / 21, abs=0.01)
    assert ends["mae"] == pytest.approx(0.06, abs=0.02)
    assert ends["mae"] < ends["huber"] < 0.2 < ends["mse"]
    assert ends["quantile"] > 0.8  # the quantile of 0.8
    assert set(ends) == {"mse", "mae", "huber", "log_cosh", "quantile", "smooth_l1", "balanced_l1", "wing"}


def test_what_is_calibrated_ends_on_the_share_itself() -> None:
    for name in LOSSES:
        found = with_wrong_labels(name)
        if found is not None:
            shares, best = (torch.tensor(each) for each in found)
            true = LOSSES[name].calibrated.startswith("yes")
            assert bool((shares - best).abs().max() < 0.01) == true, name


def test_the_page_has_each_that_is_asked_for_whole_and_alone() -> None:
    html = page(["mse", "focal", "arcface"])
    assert re.findall(r'<section id="(\w+)">', html) == ["mse", "focal", "arcface"]
    assert [section(name).count("<figure>") for name in ("mse", "focal", "arcface")] == [2, 2, 1]
