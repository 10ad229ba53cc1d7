import subprocess
import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from glassworks.interpret.access.hooks import capture, patch
from glassworks.models.gpt.config import Architecture, GPTConfig
from glassworks.models.gpt.model import GPT

TOKENS = torch.tensor([[1, 2, 3, 4]])


def small(architecture: Architecture = "gpt2") -> GPT:
    return GPT(GPTConfig(architecture=architecture, vocab_size=7, n_ctx=8, n_layer=2, n_head=2, n_embd=8))


def num_hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


class Reuse(nn.Module):
    """One ReLU called three times, a submodule that is given a keyword, and one that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.relu, self.both = nn.Linear(3, 3), nn.ReLU(), Both()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for shift in (0.0, 1.0, 2.0):
            x = self.relu(self.line(x) - shift)
        plus, minus = self.both(value=x)
        return plus * 2 + minus


class Both(nn.Module):
    def forward(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return value + 1, value - 1


def test_reads_what_a_module_returned() -> None:
    model = small()
    with capture(model, ["head", "blocks.*.attn.pattern"]) as seen:
        logits = model(TOKENS)
    assert list(seen) == ["blocks.0.attn.pattern", "blocks.1.attn.pattern", "head"]
    assert seen["head"] is logits
    assert seen["blocks.1.attn.pattern"].shape == (1, 2, 4, 4)


def test_keeps_the_graph_when_gradients_are_on() -> None:
    model = small()
    with capture(model, "blocks.0.resid_post") as seen:
        loss = model(TOKENS).sum()
    (gradient,) = torch.autograd.grad(loss, seen["blocks.0.resid_post"])
    assert gradient.shape == (1, 4, 8)


def test_works_on_any_module() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with capture(model, "1") as seen:
        out = model(torch.ones(1, 2))
    assert seen["1"] is out


def test_hooks_are_removed_and_modes_restored_even_after_an_error() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model.train()
    model[1].eval()
    modes = []
    with pytest.raises(RuntimeError), capture(model, "*"):
        modes = [module.training for module in model.modules()]
        model(torch.ones(1, 3))
    assert not any(modes)
    assert num_hooks(model) == 0
    assert [module.training for module in model] == [True, False, True]
    assert model.training


def test_dropout_is_off_inside() -> None:
    model = nn.Dropout(0.5)
    with capture(model, "*") as seen:
        model(torch.ones(100))
    assert torch.equal(seen[""], torch.ones(100))


def test_a_wrong_name_lists_the_nearest_and_leaves_no_hook() -> None:
    model = small()
    wrong = capture(model, ["head", "blocks.0.attn.patern"])
    with pytest.raises(ValueError, match=r"'blocks.0.attn.patern'.*nearest: blocks.0.attn.pattern"), wrong:
        pass
    assert num_hooks(model) == 0


def test_refuses_an_output_that_is_not_one_tensor() -> None:
    model = nn.Sequential(nn.LSTM(2, 2))
    with pytest.raises(ValueError, match="0 is a tuple of 2: choose an item, as 0:0"), capture(model, "0"):
        model(torch.ones(1, 2, 2))
    with pytest.raises(ValueError, match="0:1 is a tuple of 2: choose an item, as 0:1.0"), capture(model, "0:1"):
        model(torch.ones(1, 2, 2))
    with (
        pytest.raises(ValueError, match="0:2: it is a tuple of 2, without item 2: choose another item"),
        capture(model, "0:2"),
    ):
        model(torch.ones(1, 2, 2))


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
def test_a_run_that_is_only_looked_at_is_the_plain_run_to_the_last_bit(architecture: Architecture) -> None:
    model = small(architecture)
    tokens = torch.randint(7, (3, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model(tokens)
        with capture(model, "*") as seen, patch(model, {"*": lambda x: x}):
            looked = model(tokens)
    assert torch.equal(plain, looked)
    assert {"blocks.1.attn.pattern", "blocks.0.mlp.post", ""} <= set(seen)
    assert num_hooks(model) == 0


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_pattern_shown_is_the_one_that_mixes_the_values(architecture: Architecture) -> None:
    model = small(architecture)
    with torch.no_grad(), capture(model, "blocks.0.attn.[pvz]*") as seen:
        model(TOKENS)
    v = seen["blocks.0.attn.v"].transpose(1, 2)
    z = (seen["blocks.0.attn.pattern"] @ v).transpose(1, 2)
    torch.testing.assert_close(z, seen["blocks.0.attn.z"])


def test_inputs_calls_and_items_are_chosen_in_the_name() -> None:
    model, x = Reuse(), torch.randn(2, 3)
    with torch.no_grad(), capture(model, ["relu#*", "relu:in#1", "both:in", "both:1"]) as seen:
        model(x)
        first = model.relu(model.line(x))
    assert set(seen) == {"relu#0", "relu#1", "relu#2", "relu:in#1", "both:in", "both:1"}
    assert torch.equal(seen["relu#0"], first)
    assert torch.equal(seen["relu#1"], seen["relu:in#1"].relu())
    assert torch.equal(seen["both:in"], seen["relu#2"])
    assert torch.equal(seen["both:1"], seen["relu#2"] - 1)


class Many(nn.Module):
    """A submodule that is given several arguments and returns a nest of values."""

    def __init__(self) -> None:
        super().__init__()
        self.nest, self.lstm = Nest(), nn.LSTM(3, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.nest(x, x + 1, mask=x * 0 + 2)
        return self.lstm(out["list"][0] + out["pair"].left)[1][0]


class Nest(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> dict[str, object]:
        return {"list": [x, y], "pair": Pair(x * mask, y * mask), "none": None}


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


def test_further_arguments_and_items_inside_items_are_points() -> None:
    model, x = Many(), torch.randn(2, 4, 3)
    names = ["nest:in", "nest:in.1", "nest:in.mask", "nest:list.1", "nest:pair.right", "nest:pair.0", "lstm:1.0"]
    with torch.no_grad(), capture(model, names) as seen:
        out = model(x)
    assert set(seen) == set(names)
    assert torch.equal(seen["nest:in.1"], x + 1)
    assert torch.equal(seen["nest:in.mask"], x * 0 + 2)
    assert torch.equal(seen["nest:list.1"], x + 1)
    assert torch.equal(seen["nest:pair.right"], (x + 1) * 2)
    assert torch.equal(seen["nest:pair.0"], x * 2)
    assert seen["lstm:1.0"] is out
    edits = {"nest:in.1": x * 3, "nest:in.mask": x * 0 + 5, "nest:pair.left": x * 4, "nest:list.0": x * 7}
    with torch.no_grad(), patch(model, edits), capture(model, ["nest:list.1", "nest:pair.right", "lstm:in"]) as seen:
        model(x)
    assert torch.equal(seen["nest:list.1"], x * 3)
    assert torch.equal(seen["nest:pair.right"], x * 3 * 5)
    assert torch.equal(seen["lstm:in"], x * 7 + x * 4)
    with torch.no_grad(), patch(model, {"lstm:1.0": torch.ones(1, 2, 3)}):
        assert torch.equal(model(x), torch.ones(1, 2, 3))


def test_a_wrong_item_says_what_there_is() -> None:
    for name, message in {
        "nest:list": "nest:list is a list of 2: choose an item, as nest:list.0",
        "nest:else": "nest:else: it is a dict of list, pair, none, without item else",
        "nest:pair.up": "item pair is a Pair of 2, without item up",
        "nest:none": "nest:none is a NoneType: choose a point where one tensor passes",
        "nest:in.2": "nest:in.2: it is called with 0, 1, mask, without item 2",
    }.items():
        with pytest.raises(ValueError, match=message), capture(model := Many(), name):
            model(torch.ones(1, 2, 3))


def test_a_glob_passes_over_what_has_no_tensor() -> None:
    model = Many()
    with torch.no_grad(), capture(model, "*") as seen, patch(model, {"*": lambda x: x}):
        model(torch.ones(1, 2, 3))
    assert set(seen) == {""}
    with pytest.raises(ValueError, match="never came by there with a tensor"), capture(model, "n*"):
        model(torch.ones(1, 2, 3))


def test_a_module_with_two_names_is_found_by_either() -> None:
    model = nn.Sequential(OrderedDict(a=nn.Linear(3, 3), b=nn.ReLU()))
    model.c = model.a  # the last of three modules, and the first one's other name
    with torch.no_grad(), capture(model, ["a#*", "c#1", "b"]) as seen:
        out = model(torch.ones(1, 3))
    assert set(seen) == {"a#0", "a#1", "b", "c#1"}
    assert seen["c#1"] is out
    with torch.no_grad(), capture(model, "[abc]#1") as seen:
        model(torch.ones(1, 3))
    assert set(seen) == {"a#1"}


def test_a_named_module_that_is_never_called_is_an_error_and_a_glob_passes_it_by() -> None:
    model = nn.MultiheadAttention(4, 2, batch_first=True)
    x = torch.ones(1, 3, 4)
    with pytest.raises(ValueError, match="'out_proj'.*never came by.*weights are used"), capture(model, "out_proj"):
        model(x, x, x)
    with capture(model, ["*", ":0"]) as seen:
        model(x, x, x)
    assert set(seen) == {":0"}
    with pytest.raises(ValueError, match="'relu#3'.*never came by"), capture(reuse := Reuse(), "relu#3"):
        reuse(torch.ones(1, 3))


def test_a_model_that_returns_nothing_is_checked_too() -> None:
    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line, self.other = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> None:
            self.line(x)

    model = Silent()
    with capture(model, "line") as seen:
        model(torch.ones(1, 2))
    assert set(seen) == {"line"}
    with pytest.raises(ValueError, match="never came by"), capture(model, "other"):
        model(torch.ones(1, 2))
    with pytest.raises(ValueError, match="never came by"), patch(model, {"other": torch.ones(1, 2)}):
        model(torch.ones(1, 2))


def test_a_module_called_twice_wants_its_calls_chosen() -> None:
    with (
        pytest.raises(ValueError, match=r"relu is called more than once .* choose calls, as relu#0"),
        capture(model := Reuse(), "relu"),
    ):
        model(torch.ones(1, 3))


def test_each_pass_fills_the_dict_anew() -> None:
    model = nn.Sequential(nn.Identity())
    with capture(model, "0") as seen:
        model(torch.ones(1))
        model(torch.zeros(2))
    assert torch.equal(seen["0"], torch.zeros(2))


def test_only_the_chosen_positions_are_kept() -> None:
    model = small()
    with torch.no_grad(), capture(model, "blocks.0.resid_post") as whole:
        model(TOKENS)
    with torch.no_grad(), capture(model, "blocks.0.resid_post", positions=[-1, 0]) as some:
        model(TOKENS)
    assert torch.equal(some["blocks.0.resid_post"], whole["blocks.0.resid_post"][:, [3, 0]])
    with (
        pytest.raises(ValueError, match=r"positions \(=4\) must be below the 4 along axis 1"),
        capture(model, "head", positions=[4]),
    ):
        model(TOKENS)
    with (
        pytest.raises(ValueError, match="no axis 1 for positions"),
        capture(line := nn.Linear(2, 2), "", positions=[0]),
    ):
        line(torch.ones(2))


def test_a_value_that_a_module_overwrites_is_kept_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))
    x = torch.randn(8, 4)
    with torch.no_grad(), capture(model, "0") as seen:
        model(x)
        assert torch.equal(seen["0"], model[0](x))


def test_a_value_that_a_function_overwrites_is_refused() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tap = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.tap(x * 1).relu_()

    with (
        torch.no_grad(),
        pytest.raises(ValueError, match="tap was changed in place"),
        capture(model := InPlace(), "tap"),
    ):
        model(torch.ones(2))


# ----------------------------------------------------------------------------------------------------------------------
# Memory


def test_more_than_fits_is_refused_with_the_size_the_pass_needs() -> None:
    model = small()
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=r"max_bytes \(=200 bytes\) is less than the 256 bytes"),
        capture(model, "blocks.*.resid_post", max_bytes=200),  # 2 layers of 4 x 8 float32
    ):
        model(TOKENS)
    with torch.no_grad(), capture(model, "blocks.*.resid_post", max_bytes=256) as seen:
        model(TOKENS)
        model(TOKENS)  # each pass replaces the one before
    assert len(seen) == 2


def test_more_than_fits_goes_to_disk_and_leaves_nothing_there(tmp_path: Path) -> None:
    model = small().to(torch.bfloat16)
    with torch.no_grad(), capture(model, "*", max_bytes=100, spill=tmp_path) as seen:
        model(TOKENS)
    with torch.no_grad(), capture(model, "*") as memory:
        model(TOKENS)
    assert all(torch.equal(seen[name], memory[name]) for name in memory)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"), capture(model := small(), "head", max_bytes=0, spill=tmp_path):
        model(TOKENS)
    assert not list(tmp_path.iterdir())


def test_a_spill_folder_must_exist(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="must be a folder that exists"),
        capture(small(), "head", spill=tmp_path / "no"),
    ):
        pass


def test_a_module_called_by_itself_again_and_again_takes_the_place_of_the_call_before() -> None:
    model = nn.Sequential(nn.Linear(4, 4))
    with torch.no_grad(), capture(model, "0", max_bytes=16) as seen:
        for i in range(3):
            model[0](torch.full((1, 4), float(i)))
    assert torch.equal(seen["0"], model[0](torch.full((1, 4), 2.0)))


# ----------------------------------------------------------------------------------------------------------------------
# Patching


def test_patches_an_output_an_input_an_item_and_a_call() -> None:
    model, x = Reuse(), torch.randn(2, 3)
    ones = torch.ones(2, 3)
    with torch.no_grad(), patch(model, {"both:0": ones * 5}), capture(model, "relu#2") as seen:
        assert torch.equal(model(x), ones * 10 + seen["relu#2"] - 1)
    with torch.no_grad(), patch(model, {"both:in": ones}):
        assert torch.equal(model(x), ones * 4)
    with torch.no_grad(), patch(model, {"relu#2": ones}), capture(model, "relu#*") as seen:
        assert torch.equal(model(x), ones * 4)
        assert torch.equal(seen["relu#2"], ones)
        assert not torch.equal(seen["relu#1"], ones)
    with torch.no_grad(), patch(model, {"relu": lambda y: y * 0 + 1}):  # every call
        assert torch.equal(model(x), ones * 4)


def test_patching_all_of_the_stream_with_another_run_gives_the_other_run() -> None:
    model, other = small(), torch.tensor([[4, 3, 2, 1]])
    with torch.no_grad():
        with capture(model, "blocks.0.resid_post") as seen:
            wanted = model(other)
        with patch(model, seen):
            assert torch.equal(model(TOKENS), wanted)


def test_patches_only_the_chosen_positions_and_keeps_gradients() -> None:
    model, zero = small(), torch.zeros(1, 1, 8, requires_grad=True)
    with torch.no_grad(), capture(model, "blocks.0.resid_post") as plain:
        model(TOKENS)
    with patch(model, {"blocks.0.resid_post": zero}, positions=[2]), capture(model, "blocks.1.resid_pre") as seen:
        loss = model(TOKENS).sum()
    patched = seen["blocks.1.resid_pre"]
    assert torch.equal(patched[:, 2], torch.zeros(1, 8))
    assert torch.equal(patched[:, [0, 1, 3]], plain["blocks.0.resid_post"][:, [0, 1, 3]])
    (gradient,) = torch.autograd.grad(loss, zero)
    assert gradient.abs().sum() > 0


def test_an_edit_may_work_in_place_at_chosen_positions() -> None:
    model = small()
    for edit in (lambda x: x.zero_(), torch.zeros_like):
        edits = {"blocks.0.resid_post": edit}
        with torch.no_grad(), patch(model, edits, positions=[2]), capture(model, "blocks.1.resid_pre") as seen:
            model(TOKENS)
        assert torch.equal(seen["blocks.1.resid_pre"][:, 2], torch.zeros(1, 8))
        assert (seen["blocks.1.resid_pre"][:, 1] != 0).any()


def test_a_replacement_is_not_overwritten_by_modules_that_work_in_place() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    new = -torch.ones(2, 3)
    with torch.no_grad():
        for edit in (new, lambda x: new):
            with patch(model, {"0": edit}):
                assert torch.equal(model(torch.ones(2, 3)), torch.zeros(2, 3))
            assert torch.equal(new, -torch.ones(2, 3))
        with patch(model, {"0": torch.tensor([[-1.0, 1.0, 2.0]])}):
            assert torch.equal(model(torch.ones(2, 3)), torch.tensor([[0.0, 1.0, 2.0]] * 2))


def test_fractions_do_not_become_tokens() -> None:
    model = small()
    with (
        pytest.raises(ValueError, match=r"edit of :in is torch.float32, what it replaces torch.int64"),
        patch(model, {":in": torch.full((1, 4), 1.9)}),
    ):
        model(TOKENS)
    with torch.no_grad(), patch(model, {":in": TOKENS.int().flip(1)}):
        assert torch.equal(model(TOKENS), small_logits(model, TOKENS.flip(1)))


def small_logits(model: GPT, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), capture(model, "head") as seen:
        model(tokens)
    return seen["head"]


def test_one_row_is_patched_into_a_whole_batch() -> None:
    model, batch = small(), TOKENS.repeat(3, 1)
    with torch.no_grad(), patch(model, {"blocks.1.attn_out": torch.zeros(1, 4, 8)}):
        assert model(batch).shape == (3, 4, 7)


def test_refuses_what_does_not_fit_and_says_both_shapes() -> None:
    model = small()
    with (
        pytest.raises(ValueError, match=r"has shape \(1, 4, 9\), what it replaces \(1, 4, 8\)"),
        patch(model, {"blocks.0.attn_out": torch.zeros(1, 4, 9)}),
    ):
        model(TOKENS)
    with pytest.raises(ValueError, match="gave a NoneType"), patch(model, {"head": lambda x: None}):  # type: ignore[dict-item]
        model(TOKENS)
    with pytest.raises(ValueError, match="nearest: blocks.0.attn_out"), patch(model, {"blocks.0.attn_ou": TOKENS}):
        pass
    assert num_hooks(model) == 0


def test_an_edit_that_is_never_come_by_is_an_error() -> None:
    with (
        pytest.raises(ValueError, match="'relu#3'.*never came by"),
        patch(model := Reuse(), {"relu#3": torch.ones(1, 3)}),
    ):
        model(torch.ones(1, 3))


@pytest.mark.parametrize(
    "wrong", ["head:", "head#-1", "a:b:c", "head##1", pytest.param("head#" + "9" * 5000, id="digits")]
)
def test_refuses_what_is_no_point(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be NAME, NAME:in or NAME:item"), capture(small(), wrong):
        pass


# ----------------------------------------------------------------------------------------------------------------------
# Compiled and narrow models


def test_a_compiled_model_is_read_and_patched_too() -> None:
    plain = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    compiled = torch.compile(plain, backend="eager")
    x = torch.randn(2, 3)
    with torch.no_grad():
        compiled(x)  # compiled before anybody looks
        with capture(compiled, "0") as seen, patch(compiled, {"0": torch.zeros(2, 3)}):
            assert torch.equal(compiled(x), torch.zeros(2, 3))
        assert torch.equal(seen["0"], plain[0](x))
        plain.compile(backend="eager")
        plain(x)
        with capture(plain, "0") as seen:
            plain(x)
    assert set(seen) == {"0"}


@pytest.mark.parametrize("how", ["child", "forward", "class"])
def test_what_is_compiled_inside_a_model_is_read_too(how: str) -> None:
    class Stack(nn.Sequential):
        if how == "class":

            @torch.compile(backend="eager")
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return super().forward(x)

    model, x = nn.Sequential(Stack(nn.Linear(3, 3), nn.Tanh())), torch.randn(2, 3)
    inner = model[0]
    if how == "child":
        model[0] = torch.compile(inner, backend="eager")
    if how == "forward":
        model.forward = torch.compile(model.forward, backend="eager")  # type: ignore[method-assign]
    with torch.no_grad():
        plain = model(x)  # compiled before anybody looks
        with capture(model, ["0", "0.0", "0.*"]) as seen:
            assert torch.equal(model(x), plain)
        assert torch.equal(seen["0.0"], inner[0](x))
        assert torch.equal(seen["0"], plain)
        with patch(model, {"0.1": torch.zeros(2, 3)}):
            assert torch.equal(model(x), torch.zeros(2, 3))
        if how == "child":
            with capture(model, "0._orig_mod.0") as seen:
                model(x)
            assert torch.equal(seen["0._orig_mod.0"], inner[0](x))


@pytest.mark.parametrize("first", ["outside", "inside"])
@pytest.mark.parametrize("point", ["0", "", "2:in", "1#*"])
def test_compiled_functions_that_call_the_model_are_read_and_patched(point: str, first: str) -> None:
    torch._dynamo.reset()
    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)), torch.randn(2, 4)
    zero, compiled = {point: torch.zeros_like}, 0

    def backend(graph: torch.fx.GraphModule, _inputs: object) -> object:
        nonlocal compiled
        compiled += 1
        return graph.forward

    function = torch.compile(lambda x: model(x).sum(), backend=backend)
    with torch.no_grad():
        with patch(model, zero):
            want = model(x).sum()
        plain = model(x).sum()
        assert not torch.equal(want, plain)
        if first == "outside":
            function(x)
        before = compiled
        for _ in range(2):
            with patch(model, zero), capture(model, point) as seen:
                assert torch.equal(function(x), want)
                (value,) = seen.values()
                assert not value.any()
            assert compiled == before  # nothing that was compiled has hooks in it
            assert torch.equal(function(x), plain)
            before = compiled
    assert compiled == 1  # what was compiled outside is used again


def test_parts_called_by_compiled_functions_are_read_and_patched() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3)
    function = torch.compile(lambda x: model[1](model[0](x)), backend="eager")
    with torch.no_grad():
        plain = function(x)
        with patch(model, {"0": torch.zeros_like}):
            assert not function(x).any()
        assert torch.equal(function(x), plain)


def test_blocks_that_overlap_in_threads_leave_compiling_as_it_was() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3)
    function = torch.compile(lambda x: model(x), backend="eager")
    with torch.no_grad():
        function(x)
    opened, ended, found = threading.Event(), threading.Event(), []

    def other() -> None:
        with torch.no_grad(), patch(model, {"1": torch.zeros_like}):
            opened.set()
            ended.wait(10)  # the first block ends inside this one
            found.append(bool(function(x).any()))

    thread = threading.Thread(target=other)
    with capture(model, "0"):
        thread.start()
        opened.wait(10)
    ended.set()
    thread.join()
    assert found == [False]
    assert torch._dynamo.eval_frame._stance.stance == "default"
    assert function(x).any()


def test_threads_read_and_patch_one_model_without_seeing_each_other() -> None:
    model, inputs = small().train(), [torch.randint(7, (2, 8)) for _ in range(4)]
    names = ["blocks.*.resid_post", "blocks.0.attn.pattern"]

    def read(tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad(), capture(model, names) as seen:
            model(tokens)
        return seen

    def work(tokens: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        found = []
        for _ in range(10):
            with patch(model, {"blocks.0.resid_post": torch.zeros(1, 8, 8)}):
                model(tokens)
            found.append(read(tokens))
        return found

    alone = [read(tokens) for tokens in inputs]
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(work, inputs))
    finally:
        sys.setswitchinterval(old)
    for one, several in zip(alone, together, strict=True):
        for seen in several:
            assert seen.keys() == one.keys()
            assert all(seen[name].allclose(one[name], atol=1e-6) for name in one)
    assert all(module.training for module in model.modules())
    assert not num_hooks(model)


def test_a_stance_that_was_chosen_comes_back() -> None:
    with torch.compiler.set_stance("eager_on_recompile"):
        with capture(small(), "head"), capture(small(), "head"):
            assert torch._dynamo.eval_frame._stance.stance == "force_eager"
        assert torch._dynamo.eval_frame._stance.stance == "eager_on_recompile"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace")
def test_blocks_inside_compiled_functions_work() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3)

    @torch.compile(backend="eager")
    def function(x: torch.Tensor) -> torch.Tensor:
        with capture(model, "0") as seen:
            model(x)
        return seen["0"] + 1

    with torch.no_grad():
        for _ in range(2):
            assert torch.equal(function(x), model[0](x) + 1)


COMPILED_FIRST = """
import sys, torch
from torch import nn
from glassworks.interpret.access.hooks import capture, patch

model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3)
plain = model(x)
assert "torch._dynamo" not in sys.modules
with patch(model, {"POINT": torch.zeros_like}):
    function = torch.compile(lambda x: model(x), backend="eager")
    assert not function(x).any()
assert torch.equal(function(x), plain)
with patch(model, {"POINT": torch.zeros_like}), capture(model, "0") as seen:
    assert not function(x).any()
assert list(seen) == ["0"] and torch.equal(function(x), plain)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["1", ""])
def test_what_loads_the_compiler_inside_a_block_is_patched_there_and_plain_afterwards(point: str) -> None:
    subprocess.run([sys.executable, "-c", COMPILED_FIRST.replace("POINT", point)], check=True)


def test_a_bfloat16_model_is_read_and_patched_in_its_own_dtype() -> None:
    model = small().to(torch.bfloat16)
    with torch.no_grad(), patch(model, {"blocks.0.attn_out": torch.zeros(1, 4, 8)}), capture(model, "head") as seen:
        model(TOKENS)
    assert seen["head"].dtype is torch.bfloat16


def test_a_transformers_model_is_read_as_it_is() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=7, n_positions=8, n_embd=8, n_layer=2, n_head=2)).eval()
    with torch.no_grad():
        plain = model(TOKENS).logits
        with capture(model, ["transformer.h.*.mlp", "transformer.h.1.attn:0", ":logits"]) as seen:
            looked = model(TOKENS).logits
        with patch(model, {":logits": torch.zeros(1, 4, 7)}):
            assert not model(TOKENS).logits.any()
        with patch(model, {"transformer.h.0.mlp": lambda x: x * 0}):
            patched = model(TOKENS).logits
    assert torch.equal(plain, looked)
    assert not torch.equal(plain, patched)
    assert seen["transformer.h.1.attn:0"].shape == (1, 4, 8)
    assert seen[":logits"] is looked
