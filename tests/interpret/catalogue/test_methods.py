"""The table of methods: complete, quick to read, deterministic; the code shown calls the function named."""

import copy
import dataclasses
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import cast, get_args

import numpy as np
import pytest
import torch

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.draw.arrays.kinds import Kind
from glassworks.interpret.catalogue.contrasts import contrast
from glassworks.interpret.catalogue.methods import FROM_PYTHON, METHODS, choose, function
from glassworks.interpret.catalogue.subject import Subject, amounts, open_subject, split
from glassworks.interpret.causes.graph import Graph
from glassworks.interpret.control import randomised
from glassworks.interpret.text_labels import TARGETS, text_targets, token_features
from glassworks.models.generation.sampling import continue_ids
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

DETERMINED = {
    "surprise",
    "attention",
    "head_scores",
    "logit_attribution",
    "residual_decomposition",
    "activation_patching",
    "attribution_patching",
    "ablation",
    "path_patching",
    "edge_attribution",
    "steering",
}
"""Methods without a fit and without ranks, whose numbers are the same on any device."""
TEXTS = [name for name, method in METHODS.items() if "text" in method.of]
SLOW = {"tuned_lens", "lens_divergence", "probe", "mlp_probe", "neuron_rules", "rule_swap", "circuit"}
SENTENCE = "So it goes, Ann."


def make_subject(text: str = SENTENCE, model: GPT | None = None, count: int = 40) -> Subject:
    """A tiny random model with some random text."""
    model = GPT(GPTConfig("gpt2", 257, 24, 2, 2, 16), seed=1) if model is None else model
    tokenizer = byte_tokenizer()
    tokens = torch.tensor([tokenizer.eot, *tokenizer.encode(text)])
    rows = torch.randint(32, 120, (count, 24), generator=torch.Generator().manual_seed(0))
    against, note = contrast(model, tokenizer, tokens, len(tokens), None)
    return Subject(model, tokenizer, tokens, tokens, against, lambda: split(rows), notes={"against": note})


@pytest.fixture(scope="module")
def subject() -> Subject:
    return make_subject()


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in TEXTS])
def test_every_method_is_deterministic_and_the_code_that_a_page_shows_calls_what_the_page_says_it_calls(
    name: str, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, method = function(METHODS[name])(subject), METHODS[name]
    assert isinstance(made, Trace)
    where, called = method.made_of.split(":")
    module, calls = importlib.import_module(f"glassworks.interpret.{where}"), []
    original = getattr(module, called)
    monkeypatch.setattr(module, called, lambda *args, **kwargs: calls.append(name) or original(*args, **kwargs))
    scope: dict[str, object] = {"subject": subject}
    exec(compile(method.code, name, "exec"), scope)
    assert calls
    again = scope["trace"]
    assert isinstance(again, Trace)
    assert again.arrays.keys() == made.arrays.keys()
    for key, array in made.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[key], err_msg=key)


@pytest.mark.slow
def test_an_mlp_probe_is_trained_as_far_as_the_linear_one(subject: Subject) -> None:
    found = function(METHODS["mlp_probe"])(subject)
    accuracy = dict(zip(found.labels["row"], found.arrays["accuracy"], strict=True))
    assert (accuracy["MLP"] > accuracy["linear"] - 0.015).all()


RUNNING = [name for name in TEXTS if name != "neuron_directions"]
"""Methods that run the model; the other one reads only an MLP's weights."""


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3"])
@pytest.mark.parametrize("name", RUNNING)
def test_every_method_refuses_a_nan_that_the_output_does_not_show(name: str, architecture: str) -> None:
    """Torch's fused attention makes 0 of NaN queries on some CPUs."""
    subject = make_subject(model=GPT(GPTConfig(architecture, 257, 24, 2, 2, 16), seed=1))  # type: ignore[arg-type]
    assert subject.answer
    with torch.no_grad():
        attention = subject.model.blocks[1].attn
        weight = attention.qkv.weight if architecture == "gpt2" else attention.q_norm.weight  # type: ignore[union-attr]
        weight[0] = torch.nan  # type: ignore[index,operator]
    with pytest.raises(ValueError, match=r"NaN.*blocks\.1"):
        function(METHODS[name])(subject)


def test_large_models_are_given_less_text() -> None:
    with torch.device("meta"):
        small, large = GPT(GPTConfig(vocab_size=2048)), GPT(GPTConfig("gpt2", 50257, 1024, 12, 12, 768))
    assert amounts(small) == (2**16, 2**13)
    assert amounts(large) == (2**16 * 2**24 // large.num_params(), 2**12)


def test_large_models_are_given_less_to_do_and_the_strongest_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = make_subject(model=GPT(GPTConfig("gpt2", 257, 24, 3, 4, 16), seed=1))
    rows = subject.fitting
    assert len(subject.fewer(rows, 2)) == len(rows)
    whole = function(METHODS["path_patching"])(subject)
    monkeypatch.setattr("glassworks.interpret.catalogue.subject.LARGE", 0)
    assert torch.equal(subject.fewer(rows, 2), rows[:2])
    few = function(METHODS["path_patching"])(subject)
    score = np.abs(function(METHODS["edge_attribution"])(subject).arrays["score"]).sum(0)
    names = [name for name in whole.labels["reader"] if name not in few.labels["reader"]]
    known = Graph(subject.model.config).readers
    weight = dict(zip(known, score, strict=True))
    assert len(few.labels["reader"]) == 9
    assert min(weight[name] for name in few.labels["reader"]) >= max(weight[name] for name in names)
    at = [whole.labels["reader"].index(name) for name in few.labels["reader"]]
    np.testing.assert_allclose(few.arrays["effect"], whole.arrays["effect"][:, at], atol=1e-5)
    for name in ("tuned_lens", "lens_divergence", "probe"):
        assert function(METHODS[name])(subject).arrays


@pytest.mark.parametrize("architecture", ["qwen3", "nanochat"])
@pytest.mark.parametrize("name", ["attribution_patching", "edge_attribution", "circuit"])
def test_gradients_are_taken_in_float64_as_in_float32(name: str, architecture: str) -> None:
    found = []
    for dtype in (torch.float32, torch.float64):
        model = cast("GPT", randomised(GPT(GPTConfig(architecture, 257, 24, 2, 2, 16)), seed=1))  # type: ignore[arg-type]
        found.append(function(METHODS[name])(make_subject(model=model.to(dtype))))
    assert found[0].arrays.keys() == found[1].arrays.keys()
    name = next(iter(found[0].arrays))
    np.testing.assert_allclose(found[0].arrays[name], found[1].arrays[name], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", TEXTS)
def test_a_model_without_mlps_is_looked_at_or_refused_in_words_and_no_number_is_nan(name: str) -> None:
    config = GPTConfig("qwen3", 257, 24, 2, 2, 16, n_inner=0)
    subject = make_subject(model=cast("GPT", randomised(GPT(config), seed=2)))
    if re.search("neuron|rule", name):
        with pytest.raises(ValueError, match="neurons|width|features|axes|MLP|unit"):
            function(METHODS[name])(subject)
        return
    trace = function(METHODS[name])(subject)
    assert not [key for key, value in trace.meta.items() if isinstance(value, float) and np.isnan(value)]
    if name == "path_patching":
        assert "logits" in trace.labels["reader"]
        assert "a1.h0.v" in trace.labels["reader"]


def test_ablation_has_a_reference_even_with_one_row_held_out() -> None:
    subject = make_subject(count=2)
    assert len(subject.held_out) == 1
    trace = function(METHODS["ablation"])(subject)
    assert trace.labels["kind"] == ["zero", "mean", "resample"]


def test_health_stands_beside_an_untrained_networks(subject: Subject) -> None:
    trace = function(METHODS["health"])(subject)
    for name in ("activation_rms", "gradient_rms", "dead_fraction", "outer_gradient_rms"):
        assert trace.axes[f"{name}_untrained"] == trace.axes[name]
    assert not np.array_equal(trace.arrays["activation_rms"], trace.arrays["activation_rms_untrained"])
    assert float(trace.meta["loss_untrained"]) == pytest.approx(np.log(257), abs=0.5)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_asks_a_question_and_says_how_it_is_read_and_what_nothing_would_look_like(name: str) -> None:
    legend = METHODS[name].legend
    assert callable(function(METHODS[name]))
    assert 3 < len(legend.title) < 50
    assert "_" not in legend.title
    assert legend.question.endswith("?")
    for text in (legend.reading, legend.nothing, legend.control):
        assert len(text) > 40
        assert text.endswith((".", "”"))
    for text in (legend.question, legend.measure, legend.reading, legend.nothing, legend.control):
        assert not re.search(r"NaN|kv_head|`|[a-z]_[a-z]|  ", re.sub(r"{\w+}", "x", text)), text


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in TEXTS])
def test_a_legend_knows_every_array_axis_and_number_of_its_trace_and_fills_its_places(
    name: str, subject: Subject
) -> None:
    trace = function(METHODS[name])(subject)
    legend = trace.legend
    assert legend.title == METHODS[name].legend.title
    assert set(trace.arrays) <= set(legend.quantities), set(trace.arrays) - set(legend.quantities)
    assert set(trace.meta) <= set(legend.numbers), set(trace.meta) - set(legend.numbers)
    axes = {axis for axes in trace.axes.values() for axis in axes}
    assert axes <= {*legend.axes, *get_args(Kind)}, axes
    for axis, dimension in legend.axes.items():
        assert axis not in axes or set(dimension.controls) <= set(trace.labels.get(axis, dimension.controls))
    words = re.sub(r"<[^>]*>", "", explained(trace))
    assert not re.search(r"{\w+}", words)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", TEXTS)
def test_a_cuda_device_says_what_the_cpu_says(name: str, subject: Subject) -> None:
    there = dataclasses.replace(
        subject,
        model=copy.deepcopy(subject.model).cuda(),
        tokens=subject.tokens.cuda(),
        passage=subject.passage.cuda(),
        against=subject.against.cuda(),
        windows=lambda: (subject.fitting.cuda(), subject.held_out.cuda()),
    )
    made, same = function(METHODS[name])(there), function(METHODS[name])(subject)
    assert made.labels.keys() == same.labels.keys()
    for key, array in same.arrays.items():
        assert made.arrays[key].shape == array.shape
        if name in DETERMINED:
            np.testing.assert_allclose(made.arrays[key], array, rtol=1e-3, atol=1e-4, err_msg=key)


def test_the_table_is_read_without_torch() -> None:
    code = "import sys; from glassworks.interpret.catalogue.methods import METHODS, choose; choose([])"
    out = subprocess.run([sys.executable, "-c", f"{code}; print('torch' in sys.modules, 'numpy' in sys.modules)"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert out.stdout.split() == ["False", "False"]


def test_names_may_be_given_with_commas_and_hyphens_and_once() -> None:
    assert choose(["logit-lens,attention", "attention"]) == ["logit_lens", "attention"]
    assert choose([]) == [name for name in TEXTS if METHODS[name].quick]
    with pytest.raises(ValueError, match="'atention'.* nearest: attention"):
        choose(["atention"])


# ----------------------------------------------------------------------------------------------------------------------
# The subject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tokenizer, and a text beside it."""
    path = tmp_path_factory.mktemp("models")
    byte_tokenizer().save(path / "tokenizer.json")
    save_model(GPT(GPTConfig("qwen3", 257, 16, 2, 2, 16), seed=0), path / "m", path / "tokenizer.json")
    (path / "text.txt").write_text("Some words that are\nto be read.\n\n" * 20, encoding="utf-8")
    return path


def test_a_folder_without_text_writes_its_own_and_says_so(folder: Path) -> None:
    first, again = (open_subject(str(folder / "m"), seed=3) for _ in range(2))
    assert first.tokens.equal(again.tokens)
    assert first.held_out.equal(again.held_out)
    assert "wrote it itself" in first.notes["text"]
    assert "flatters" in first.notes["data"]
    assert first.folder is None


def test_what_a_model_writes_itself_is_measured_in_the_tokens_it_wrote(folder: Path) -> None:
    subject = open_subject(str(folder / "m"), seed=3)
    (ids,) = continue_ids(subject.model, subject.tokenizer, [[]], max_tokens=15, temperature=1.0, seed=3)
    assert subject.passage.tolist() == [subject.tokenizer.eot, *ids]
    assert "\ufffd" in subject.tokenizer.decode(ids)  # an untrained model writes bytes that form no characters
    assert subject.tokenizer.encode("\ufffd") != ids
    assert bytes([0xEF, 0xBF, 0xBD]) not in bytes(id % 256 for id in subject.rows[0].flatten().tolist())


def test_text_and_data_may_be_given(folder: Path) -> None:
    subject = open_subject(str(folder / "m"), text="abcd", data=str(folder / "text.txt"))
    lines = repr(subject).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("Subject m: ")
    assert "abcd" in lines[1]
    assert subject.labels[1:] == list("abcd")
    assert "text.txt" in subject.notes["data"]
    found = "".join(subject.named(torch.cat([subject.fitting, subject.held_out]).flatten())[1:])
    assert found.startswith("Some words that are\nto be read.")
    assert len(subject.held_out) >= 1


def test_a_long_text_says_how_many_tokens_are_left_out(folder: Path) -> None:
    subject = open_subject(str(folder / "m"), text="x" * 40)
    assert len(subject.tokens) == 16
    assert len(subject.passage) == 41
    assert "Its end, 25 tokens, is left out" in subject.notes["text"]


def test_without_a_contrast_one_token_is_replaced_by_another_of_the_sentence(subject: Subject) -> None:
    differs = (subject.tokens != subject.against).nonzero().flatten().tolist()
    assert len(differs) == 1
    assert 0 < differs[0] < len(subject.tokens) - 1
    assert int(subject.against[differs[0]]) in subject.tokens
    assert f"token {differs[0]} " in subject.notes["against"]


@torch.no_grad()
def test_the_answers_are_what_each_sentence_makes_likelier(subject: Subject) -> None:
    right, wrong = subject.answer
    assert right != wrong
    logits = subject.model(torch.stack([subject.tokens, subject.against]))[:, -1]
    assert int(logits[0].argmax()) == right
    clean, corrupt = subject.metric(subject.model(torch.stack([subject.tokens, subject.against]))[:1]), logits[1]
    assert float(clean) > float(corrupt[right] - corrupt[wrong])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "a"}, r"text \(='a'\) must have at least 2 tokens, not 1"),
        ({"text": ""}, r"text \(=''\) must have at least 2 tokens, not 0"),
        ({"text": "abcd", "against": "abc"}, r"against \(='abc'\) must have as many tokens as the text, 4, not 3"),
        ({"text": "abcd", "against": "abcd"}, "is the text itself"),
        ({"text": "x" * 20 + "y", "against": "x" * 21}, "differs only after token 15, and no more are looked at"),
        ({"against": "abcd"}, r"give text=\"...\" too"),
    ],
)
def test_texts_that_do_not_fit_are_refused(folder: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_subject(str(folder / "m"), **options)


def test_data_that_is_too_short_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("abc", encoding="utf-8")
    subject = open_subject(str(folder / "m"), text="abcd", data=str(tmp_path / "short.txt"))
    with pytest.raises(ValueError, match="give at least 32"):
        _ = subject.held_out


@pytest.mark.parametrize("name", FROM_PYTHON)
def test_a_look_that_no_run_can_be_given_to_is_refused_with_the_function_that_there_is(name: str) -> None:
    with pytest.raises(ValueError, match=r"which a run is not: call glassworks\.\S+ from Python$") as refused:
        choose([name.replace("_", "-")])
    module, _, function = str(refused.value).split()[-3].rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


# ----------------------------------------------------------------------------------------------------------------------
# Labels that any text has


def test_targets_are_answered_from_the_tokens_texts() -> None:
    texts = [" A", "b", "\n", "C"]
    found = text_targets(torch.tensor([[0, 1, 2, 3]]), texts)[0].T.tolist()
    assert len(found) == len(TARGETS)
    assert found == [[1, 0, 1, 0], [-100, 1, 0, 1], [-100, -100, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]]


def test_features_say_which_common_token_stands_here_and_before() -> None:
    features, names = token_features(torch.tensor([[0, 1, 1, 0, 1]]), ["a", "b", "c"], most=2)
    assert names == ["“b”", "“a”", "“b” before", "“a” before", "eighth of the window"]
    assert features[0].T.tolist() == [
        [0, 1, 1, 0, 1],
        [1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 1, 0, 0, 1],
        [0, 1, 3, 4, 6],
    ]
