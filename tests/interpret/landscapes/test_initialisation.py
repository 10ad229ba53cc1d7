"""What an initialisation does to signals, beside torch's default."""

import math
import re

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import cross_entropy, examples
from tests.models.initialisation.networks import batch_of, chain, class_loss, residual
from torch import nn

from glassworks.interpret.landscapes.initialisation import initialisation_table, initialise
from glassworks.interpret.landscapes.signals import coordinate_check
from glassworks.models.initialisation.draws import draw_default, draw_he
from glassworks.models.initialisation.mup import draw_mup, mup_groups
from glassworks.models.initialisation.names import SCHEMES
from glassworks.trace.render import explained


def test_the_weights_are_the_schemes_and_the_control_is_torchs_default() -> None:
    model, twin, plain = (chain(16, 3) for _ in range(3))
    batch = batch_of(16)
    trace = initialise(model, "he", batch=batch, loss_fn=class_loss, seed=4)
    draw_he(twin, 4)
    draw_default(plain, 4)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    assert trace.labels["network"] == ["he", "torch's default"]
    assert trace.labels["layer"] == trace.labels["drawn"] == ["0", "2", "4", "6"]
    for row, network in enumerate((twin, plain)):
        with torch.no_grad():
            outputs = [network[: n + 1](batch[0]).double().var(correction=0).item() for n in (0, 2, 4, 6)]
        assert trace.arrays["forward"][row] == pytest.approx(outputs, rel=1e-5)


def test_the_gradient_back_is_that_of_an_examples_loss_by_a_layers_numbers() -> None:
    model, batch = chain(16, 2), batch_of(16)
    trace = initialise(model, "orthogonal", batch=batch, loss_fn=class_loss)
    z = model[0](batch[0]).detach().requires_grad_()
    losses = nn.functional.cross_entropy(model[1:](z), batch[1], reduction="none")
    (slope,) = torch.autograd.grad(losses.sum(), z)
    assert trace.arrays["backward"][0, 0] == pytest.approx(slope.double().var(correction=0).item(), rel=1e-4)


def test_he_keeps_variances_in_both_directions_and_torchs_default_does_not() -> None:
    model, batch = chain(256, 12), batch_of(256, 128)
    trace = initialise(model, "he", batch=batch, loss_fn=class_loss)
    assert trace.meta["forward_factor"] == pytest.approx(1, abs=0.2)  # 13 layers of 256 draws each
    forward, backward = trace.arrays["forward"], trace.arrays["backward"]
    assert forward[1, 8] / forward[1, 2] < 0.3 * forward[0, 8] / forward[0, 2]
    assert backward[1, 2] / backward[1, 10] < 1e-3 * backward[0, 2] / backward[0, 10]
    assert trace.arrays["gain"][0] == pytest.approx([math.sqrt(2)] * 13, rel=0.1)
    assert trace.arrays["gain"][1] == pytest.approx([1 / math.sqrt(3)] * 13, rel=0.1)
    assert trace.arrays["ideal_gain"][0] == pytest.approx([math.sqrt(2)] * 12 + [1.0], rel=1e-3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_gives_a_trace_that_is_drawn_and_a_table(scheme: str) -> None:
    model, base = residual(16, 2), residual(8, 2)
    state = torch.get_rng_state()
    trace = initialise(model, scheme, batch=batch_of(16), loss_fn=class_loss, base=base)
    assert torch.equal(state, torch.get_rng_state())
    assert trace._repr_html_()
    lines = initialisation_table(trace).splitlines()
    assert lines[0].split()[:3] == ["layer", "gain", "ideal"]
    assert [line.split()[0] for line in lines[1:7]] == [*trace.labels["layer"]]
    assert lines[7].startswith("factor a layer")
    assert all(p.grad is None for p in model.parameters())


def test_what_fixup_left_out_is_said_below_the_table() -> None:
    trace = initialise(chain(8, 2), "fixup", batch=batch_of(8), loss_fn=class_loss)
    text = initialisation_table(trace)
    assert text.endswith("No residual branch was found: he is all of Fixup that applies, and 4 begins at 0.")
    assert math.isnan(trace.meta["backward_factor"])


def test_where_no_activation_module_follows_there_is_no_ideal_gain() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    trace = initialise(model, "glorot", batch=examples(), loss_fn=cross_entropy)
    ideal = trace.arrays["ideal_gain"][0]
    assert np.isnan(ideal[0])
    assert ideal[1:] == pytest.approx([1, 1], rel=1e-3)
    assert trace.labels["layer"] == ["0", "1", "2", "4"]
    assert " - " in initialisation_table(trace)


def test_a_module_that_is_one_layer_and_batches_that_do_not_do() -> None:
    trace = initialise(nn.Linear(4, 3), "he", batch=examples(), loss_fn=cross_entropy)
    assert trace.labels["layer"] == ["the network"]
    with pytest.raises(ValueError, match="give a batch of several examples that differ"):
        x, y = examples(1)
        initialise(nn.Sequential(nn.Linear(4, 1)), "lsuv", batch=(x, 0 * y), loss_fn=cross_entropy)


def mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))


def by_mup(width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    model, base = mlp(width), mlp(64)
    draw_mup(model, base, 0)
    return model, torch.optim.Adam(mup_groups(model, base, 0.01))


def by_default(width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = mlp(width)
    draw_default(model, 0)
    return model, torch.optim.Adam(model.parameters(), 0.01)


def test_the_coordinate_check_is_flat_over_widths_under_mup_and_not_by_default() -> None:
    flat, loose = (
        coordinate_check(build, (64, 256, 1024), class_loss, lambda step: batch_of(16, 64), steps=3)
        for build in (by_mup, by_default)
    )
    assert np.abs(flat.arrays["slope"][:, -1]).max() < 0.2
    assert loose.arrays["slope"][-1, -1] > 0.4  # what the last layer says grows with the width


def test_the_page_of_a_coordinate_check_names_layers_and_steps_in_their_order() -> None:
    trace = coordinate_check(by_mup, (64, 96, 128), class_loss, lambda step: batch_of(16, 64), steps=2)
    page = str(explained(trace))
    assert re.findall(r">(layer \d)</text>", page)[:3] == ["layer 0", "layer 2", "layer 4"]
    keys = re.findall(r"</i>([^<]*)</span>", page)
    assert keys[:6] == ["before training", "after step 1", "after step 2", "layer 0", "layer 2", "layer 4"]
    assert "Under µP" in page
