"""Long methods tell how far they are, from their first batch to their last."""

import re
from collections.abc import Callable

import pytest
import torch
from tests.interpret.catalogue.test_methods import make_subject

from glassworks.core import progress
from glassworks.core.progress import showing
from glassworks.interpret.catalogue.methods import METHODS, function
from glassworks.interpret.causes.ablation import ablate_points
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.patching import patch_points
from glassworks.interpret.neurons.rules import fit_rules

SUBJECT = make_subject()
PAIR = (SUBJECT.model, SUBJECT.tokens[None], SUBJECT.against[None])
GENERATOR = torch.Generator().manual_seed(0)
TABLE = torch.randint(2, (40, 3), generator=GENERATOR).bool(), torch.randn(40, 5, generator=GENERATOR)


def method(name: str) -> Callable[[], object]:
    return lambda: function(METHODS[name])(SUBJECT)


@pytest.mark.parametrize(
    ("label", "work"),
    [
        ("patch resid_pre", method("activation_patching")),
        ("patch mlp_out", method("activation_patching")),
        ("check z by patching it", method("attribution_patching")),
        ("ablate z (zero)", method("ablation")),
        ("ablate mlp_out (resample)", method("ablation")),
        ("remove edges", method("edge_attribution")),
        ("integrate slopes", lambda: edge_attribution(*PAIR, SUBJECT.metric, steps=3, check=0)),
        ("patch paths", method("path_patching")),
        ("patch points", lambda: patch_points(*PAIR, SUBJECT.metric, "blocks.*.mlp.post")),
        ("ablate points", lambda: ablate_points(*PAIR[:2], SUBJECT.metric, "blocks.*.mlp.post", kinds=["zero"])),
        ("ablate neurons", method("neuron_ablation")),
        ("grow and score rules", method("neuron_rules")),
        ("judge both autoencoders", method("sae")),
        ("grow trees", lambda: fit_rules(*TABLE, threads=1)),
    ],
)
def test_progress_is_told_to_the_end(
    label: str, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work()
    assert capsys.readouterr().err == ""  # nothing without a command
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with showing(True):
        work()
    lines = re.findall(rf"^{re.escape(label)} (\d+)/(\d+)", capsys.readouterr().err, re.M)
    told, totals = [int(done) for done, _ in lines], {int(total) for _, total in lines}
    assert len(totals) == 1
    assert totals == {told[-1]}
    assert told == sorted(told) or label == "ablate mlp_out (resample)"  # which is drawn several times
