"""What people give: arrays and lists, other modules, a single text, inference mode. Every public function is walked."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.interpret.networks import drawn
from torch import Tensor, nn

import glassworks.interpret as room
from glassworks.interpret.access.arguments import PUBLIC, as_tensor, parts_of_type
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.interpret.causes.ablation import ablation
from glassworks.interpret.causes.attribution_patching import attribution_patching
from glassworks.interpret.causes.metrics import log_probability, logit_difference
from glassworks.interpret.causes.patching import activation_patching, patch_points
from glassworks.interpret.causes.steering import steer
from glassworks.interpret.neurons.rules import fit_rules
from glassworks.interpret.probing.probes import fit_probes
from glassworks.interpret.probing.report import probe
from glassworks.interpret.transformer.health import health
from glassworks.interpret.transformer.lens import attention_patterns, logit_lens, surprise
from glassworks.models.gpt.model import GPT

TOKENS = [3, 1, 4, 1, 5]


for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
    importlib.import_module(module.name)


def test_the_function_of_every_method_is_public() -> None:
    for method in METHODS.values():
        assert method.made_of in PUBLIC, method.made_of
    assert len(PUBLIC) > 30


def dummy(kinds: list[Any]) -> object:
    """Something for a parameter that is never come to."""
    module = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, nn.Module)), None)
    return module.__new__(module) if module is not None else "x" if str in kinds else 1


def needing(kind: type) -> list[str]:
    """Public functions whose model must be of a kind."""
    return [name for name, f in PUBLIC.items() if annotation(f, "model") == [kind]]


def annotation(f: Callable[..., Any], name: str) -> list[Any]:
    parameter = inspect.signature(f).parameters.get(name)
    return [] if parameter is None else parts_of_type(parameter.annotation)


def others() -> dict[str, object]:
    from transformers import GPT2Config, GPT2LMHeadModel

    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=12, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    return {"Linear": nn.Linear(3, 3), "GPT2LMHeadModel": theirs, "str": "runs/demo"}


@pytest.mark.parametrize("name", needing(GPT))
def test_another_module_is_refused_in_one_line_where_a_gpt_is_needed(name: str) -> None:
    f = PUBLIC[name]
    required = [p for p in inspect.signature(f).parameters.values() if p.default is inspect.Parameter.empty]
    for kind, other in others().items():
        given = {p.name: dummy(parts_of_type(p.annotation)) for p in required} | {"model": other}
        with pytest.raises(ValueError, match=rf"^model must be a .*not a {kind}: open .*load_model") as caught:
            f(**given)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", needing(nn.Module))
def test_what_is_no_module_is_refused_in_one_line(name: str) -> None:
    f = PUBLIC[name]
    required = [p for p in inspect.signature(f).parameters.values() if p.default is inspect.Parameter.empty]
    given = {p.name: dummy(parts_of_type(p.annotation)) for p in required} | {"model": "runs/demo"}
    with pytest.raises(ValueError, match="^model must be a module, not a str"):
        f(**given)


def test_a_compiled_gpt_is_the_gpt() -> None:
    model = drawn()
    compiled = torch.compile(model, backend="eager")
    labels = [str(i) for i in TOKENS]
    one, two = (logit_lens(m, torch.tensor(TOKENS), labels).arrays["kl"] for m in (model, compiled))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, np.uint16)[::-1][::-1], torch.tensor])
def test_arrays_and_lists_are_tokens(kind: Callable[[Any], Any]) -> None:
    model, labels = drawn(), [str(i) for i in TOKENS]
    wanted = surprise(model, torch.tensor(TOKENS), labels).arrays["nats"]
    np.testing.assert_array_equal(surprise(model, kind(TOKENS), labels).arrays["nats"], wanted)
    assert attention_patterns(model, kind(TOKENS), labels).arrays["pattern"].shape == (2, 2, 5, 5)
    pair = kind([TOKENS]), kind([[3, 1, 4, 2, 5]])
    metric = logit_difference(kind([2]), kind([7]))
    assert activation_patching(model, *pair, metric).arrays["resid_pre"][0].sum() == pytest.approx(1, abs=1e-3)
    assert patch_points(model, *pair, metric, "blocks.0.resid_pre").arrays["effect"] == pytest.approx(1, abs=1e-3)
    assert ablation(model, kind([TOKENS]), log_probability(kind([2])), kinds=["zero"]).arrays["z"].shape == (1, 2, 2)
    assert health(model, kind([TOKENS]), kind([TOKENS])).meta["num_tokens"] == 5
    assert steer(model, kind([TOKENS]), [1.0] * 16, "blocks.0.resid_pre", metric, scales=[1.0]).meta["plain"]


def test_arrays_and_lists_are_labels_and_activations() -> None:
    x = np.random.default_rng(0).normal(size=(64, 3))  # float64, as NumPy has it
    y = (x[:, :1] > 0).astype(np.int32)
    found = fit_probes(nn.Identity(), lambda step: (x, y), "", steps=1, classes=2)
    listed = fit_probes(nn.Identity(), lambda step: (x.tolist(), y.tolist()), "", steps=1, classes=2)
    torch.testing.assert_close(found.weight(""), listed.weight(""))
    assert (found.predict("", as_tensor(x, "x"))[:, 0].numpy() == y[:, 0]).mean() > 0.9
    report = probe(nn.Identity(), lambda s: (x, y), lambda s: (x, y), "", steps=1, held_out_steps=1, classes=2)
    assert report.arrays["accuracy"][0, 0] > 0.9
    assert fit_rules((x > 0), x.tolist(), depth=1).num_neurons == 3


@pytest.mark.parametrize("wrong", ["text", {"ids": [1]}, 3, [[1, 2], [3]], ["a", "b"], object()])
def test_what_is_no_tensor_is_refused_in_one_line(wrong: object) -> None:
    with pytest.raises(ValueError, match="^tokens must be a tensor, an array or lists of numbers"):
        surprise(drawn(), wrong, ["a"])


@pytest.mark.parametrize("name", list(PUBLIC))
def test_one_text_is_not_taken_letter_by_letter(name: str) -> None:
    f = PUBLIC[name]
    parameters = inspect.signature(f).parameters
    required = [p for p in parameters.values() if p.default is inspect.Parameter.empty]
    for parameter in parameters.values():
        kinds = parts_of_type(parameter.annotation)
        mapped = any("Mapping" in str(kind) for kind in kinds)
        if mapped or str in kinds or not any("Sequence" in str(kind) for kind in kinds):
            continue
        given = {p.name: dummy(parts_of_type(p.annotation)) for p in required}
        given |= {"model": drawn()} if "model" in parameters else {}
        given |= {p.name: torch.zeros(1) for p in required if "Tensor" in str(p.annotation)}
        with pytest.raises(ValueError, match=f"^{parameter.name} .*is one text: give a list"):
            f(**(given | {parameter.name: "abcde"}))


def test_methods_work_under_inference_mode() -> None:
    model = drawn()
    metric = logit_difference(torch.tensor([2]), torch.tensor([7]))
    clean, corrupt = torch.tensor([TOKENS]), torch.tensor([[3, 1, 4, 2, 5]])
    wanted = attribution_patching(model, clean, corrupt, metric, check=2).arrays["resid_pre"]
    with torch.inference_mode():
        inside = torch.tensor([TOKENS]), torch.tensor([[3, 1, 4, 2, 5]])
        for pair in ((clean, corrupt), inside):
            found = attribution_patching(model, *pair, metric, check=2)
            np.testing.assert_array_equal(found.arrays["resid_pre"], wanted)
        assert health(model, inside[0], inside[1]).meta["loss"] > 0
        assert torch.is_inference_mode_enabled()
        frozen = drawn()
    np.testing.assert_array_equal(attribution_patching(model, *inside, metric, check=2).arrays["resid_pre"], wanted)
    with pytest.raises(ValueError, match="^the model's weights were made under torch.inference_mode"):
        attribution_patching(frozen, clean, corrupt, metric)


def test_integers_beyond_torchs_and_halves_are_taken() -> None:
    assert as_tensor(np.array([1, 2], np.uint32), "x").dtype is torch.int64
    assert as_tensor(np.array([1, 2], np.float64), "x").dtype is torch.float32
    assert as_tensor(np.array([1, 2], np.float16), "x").dtype is torch.float16
    assert as_tensor([torch.ones(2), torch.ones(2)], "x").shape == (2, 2)
    read_only = np.arange(3)
    read_only.setflags(write=False)
    assert isinstance(as_tensor(read_only, "x"), Tensor)
