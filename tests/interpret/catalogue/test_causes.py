"""Causal methods as `look` calls them."""

import numpy as np
import pytest
import torch
from tests.interpret.catalogue.test_methods import make_subject

from glassworks.interpret.catalogue.causes import layer_of_half, steering
from glassworks.interpret.causes.patching import activation_patching


def test_the_answer_is_steered_where_half_of_it_has_come_to_the_last_token() -> None:
    """It was the middle layer, which on a deep model holds nothing of the answer yet."""
    subject = make_subject()
    pair = subject.tokens[None], subject.against[None]
    whole = activation_patching(subject.model, *pair, subject.metric, sites="resid_post").arrays["resid_post"]
    layer = layer_of_half(subject)
    assert whole[layer, -1] >= 0.5
    assert (whole[:layer, -1] < 0.5).all()
    trace = steering(subject)
    assert trace.meta["point"] == f"blocks.{layer}.resid_post"
    at = trace.labels["scale"].index("1")
    plain, goal = float(trace.meta["plain"]), float(trace.meta["goal"])
    share = (trace.arrays["metric"][0, at] - plain) / (goal - plain)
    assert share == pytest.approx(whole[layer, -1], abs=1e-3)  # at 1 the place holds what it holds on the text
    with torch.no_grad():
        assert goal == pytest.approx(float(subject.metric(subject.model(subject.tokens[None]))), abs=1e-5)
    assert np.isfinite(trace.arrays["metric"]).all()
