"""What is refused before anything runs. The tests' own checks of shapes are off here, as they are for users."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from glassworks.interpret.access.checks import check_count, check_room
from glassworks.interpret.causes.ablation import ablation
from glassworks.interpret.causes.attribution_patching import attribution_patching
from glassworks.interpret.causes.circuits import find_circuit
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.metrics import log_probability
from glassworks.interpret.causes.patching import activation_patching
from glassworks.interpret.causes.paths import path_patching
from glassworks.interpret.tokens import check_logits, check_tokens
from glassworks.interpret.transformer.attribution import logit_attribution, neuron_attribution
from glassworks.interpret.transformer.decomposition import residual_decomposition
from glassworks.interpret.transformer.lens import attention_patterns, logit_lens, surprise
from glassworks.interpret.transformer.rollout import attention_rollout
from glassworks.interpret.transformer.saliency import token_saliency
from glassworks.interpret.transformer.tuned_lens import TunedLens, lens_divergence, tuned_lens
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace

MODEL = GPT(GPTConfig("gpt2", 11, 8, 1, 2, 8))
METRIC = log_probability(torch.tensor([1, 2]))
BATCH = torch.tensor([[1, 2, 3], [4, 5, 6]])


pytestmark = pytest.mark.usefixtures("unchecked")

PAIRS = [activation_patching, attribution_patching, path_patching, edge_attribution, find_circuit]
BATCHES: list[tuple[str, Callable[[Tensor], Trace]]] = [
    *((f.__name__, lambda x, f=f: f(MODEL, x, x, METRIC)) for f in PAIRS),
    ("ablation", lambda x: ablation(MODEL, x, METRIC)),
    ("reference", lambda x: ablation(MODEL, BATCH, METRIC, reference=x)),
    ("lens_divergence", lambda x: lens_divergence(MODEL, TunedLens(1, 8), x)),
]


@pytest.mark.parametrize(("name", "call"), BATCHES, ids=[name for name, _ in BATCHES])
def test_what_is_no_batch_of_tokens_is_refused_with_its_shape(name: str, call: Callable[[Tensor], Trace]) -> None:
    for wrong in (BATCH[0], BATCH[None], BATCH[:0]):
        with pytest.raises(ValueError, match=r"has shape \([0-9, ]+\): give a batch \(B, T\) of at least one token"):
            call(wrong)
    with pytest.raises(ValueError, match=r"has dtype torch.float32: give whole numbers, as \w+\.long\(\)"):
        call(BATCH.float())
    with pytest.raises(ValueError, match=r"\(=14\) must be from 0 to 10"):
        call(BATCH + 8)


LOOKS = [
    attention_patterns,
    logit_lens,
    surprise,
    logit_attribution,
    neuron_attribution,
    residual_decomposition,
    attention_rollout,
    token_saliency,
    lambda model, *rest: tuned_lens(model, TunedLens(1, 8), *rest),
]


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_no_sequence_of_tokens_is_refused_with_its_shape(look: Callable[..., Trace]) -> None:
    for wrong in (BATCH, BATCH[0, :0], BATCH[0, 0]):
        with pytest.raises(ValueError, match=r"tokens has shape \([0-9, ]*\): give one sequence \(T,\)"):
            look(MODEL, wrong, ["a"] * 3)
    with pytest.raises(ValueError, match="tokens has dtype torch.float32"):
        look(MODEL, BATCH[0].float(), ["a"] * 3)
    with pytest.raises(ValueError, match=r"labels \(2\) must be one for each of the 3"):
        look(MODEL, BATCH[0], ["a"] * 2)


def test_a_count_says_its_name_its_value_and_the_least() -> None:
    check_count("draws", 1, 1)
    with pytest.raises(ValueError, match=r"^draws \(=0\) must be at least 1$"):
        check_count("draws", 0, 1)


def test_memory_is_compared_with_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 3 * 4 * 11 * 5)
    check_logits(MODEL, 5, "give less")
    check_tokens(MODEL, BATCH)
    with pytest.raises(ValueError, match=r"this needs 792 bytes, 660 are free: give less"):
        check_logits(MODEL, 6, "give less")
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: None)  # nobody says
    check_room(2**60, torch.device("cpu"), "give less")
