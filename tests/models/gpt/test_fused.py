import os
import subprocess
import sys
import textwrap

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from glassworks.models.gpt import fused
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.fused import gelu, rms_norm, short_attention
from glassworks.models.gpt.model import GPT
from glassworks.models.kernels import activation
from glassworks.objectives.losses import next_token_loss


def normal(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def test_rms_norm_is_torchs_with_its_gradient() -> None:
    x, dy = normal(2, 3, 16).requires_grad_(), normal(2, 3, 16, seed=1)
    ours, theirs = rms_norm(x, 1e-3), F.rms_norm(x, (16,), None, 1e-3)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, x, dy), torch.autograd.grad(theirs, x, dy))


def test_rms_norm_has_a_second_derivative() -> None:
    def gradient(norm_of: object, x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(norm_of(x).pow(3).sum(), x, create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(first.pow(2).sum(), x)[0]

    x = normal(4, 8).requires_grad_()
    ours = gradient(lambda x: rms_norm(x, 1e-3), x)
    torch.testing.assert_close(ours, gradient(lambda x: F.rms_norm(x, (8,), None, 1e-3), x), rtol=1e-4, atol=1e-4)


def test_rms_norm_can_be_vmapped() -> None:
    x = normal(5, 8)
    gradient = torch.func.grad(lambda row: rms_norm(row, 1e-3).pow(3).sum())
    torch.testing.assert_close(torch.func.vmap(gradient)(x), torch.stack([gradient(row) for row in x]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threads", [1, 3])
def test_gelu_is_torchs_with_its_gradient(dtype: torch.dtype, threads: int, monkeypatch) -> None:
    monkeypatch.setattr(activation, "SHARE", 2**10)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    x = (8 * normal(70, 3, 59)).to(dtype).transpose(0, 1).requires_grad_()  # not contiguous, and long enough for loops
    dy = normal(59, 70, 3, seed=1).to(dtype).permute(2, 1, 0)
    assert x.numel() >= fused.LOOPED
    ours, theirs = gelu(x), F.gelu(x, approximate="tanh")
    assert "_Gelu" in type(ours.grad_fn).__name__
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, x, dy), torch.autograd.grad(theirs, x, dy))


def test_gelu_far_out_is_0_or_the_number_itself_and_nan_stays() -> None:
    x = torch.tensor([-3e38, -1e20, -200.0, -17.0, 17.0, 1e20, 3e38, torch.nan]).repeat(1000).requires_grad_()
    y = gelu(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(y[4:8], x[4:8], equal_nan=True)
    torch.testing.assert_close(y[:4], torch.zeros(4))
    torch.testing.assert_close(slope[:8], torch.tensor([0.0] * 4 + [1.0] * 3 + [torch.nan]), equal_nan=True)


@pytest.mark.filterwarnings("ignore:`torch.jit")  # by torch's own modules
def test_gelu_has_a_second_derivative_and_goes_through_transforms() -> None:
    x = normal(5000).requires_grad_()
    (first,) = torch.autograd.grad(gelu(x).pow(2).sum(), x, create_graph=True)
    (theirs,) = torch.autograd.grad(F.gelu(x, approximate="tanh").pow(2).sum(), x, create_graph=True)
    second = [torch.autograd.grad(y.pow(2).sum(), x)[0] for y in (first, theirs)]
    torch.testing.assert_close(*second)
    x = x.detach()
    torch.testing.assert_close(torch.func.jvp(gelu, (x,), (x,))[1], x * torch.func.grad(lambda x: gelu(x).sum())(x))
    with torch.autograd.forward_ad.dual_level():
        dual = gelu(torch.autograd.forward_ad.make_dual(x, torch.ones_like(x)))
        assert torch.autograd.forward_ad.unpack_dual(dual).tangent is not None


@pytest.mark.filterwarnings("ignore:`torch.jit")  # by torch's own modules
def test_gelu_takes_many_gradients_at_once_and_tensors_without_numbers() -> None:
    x = normal(5000)
    jacobian = torch.autograd.functional.jacobian(lambda x: gelu(x)[:3], x, vectorize=True)
    torch.testing.assert_close(jacobian[:, :3].diagonal(), torch.func.grad(lambda x: gelu(x).sum())(x)[:3])
    with FakeTensorMode():
        assert gelu(torch.empty(5000)).shape == (5000,)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_short_attention_is_torchs_with_its_gradient(kv_heads: int) -> None:
    q = normal(2, 4, 7, 8).requires_grad_()
    k, v = (normal(2, kv_heads, 7, 8, seed=seed).requires_grad_() for seed in (1, 2))
    dy = normal(2, 4, 7, 8, seed=3)
    ours = short_attention(q, k, v)
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours, (q, k, v), dy), torch.autograd.grad(theirs, (q, k, v), dy), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
def test_training_in_bfloat16_has_the_gradient_of_float32_up_to_rounding(architecture: str) -> None:
    model = GPT(GPTConfig(architecture, vocab_size=32, n_ctx=32, n_layer=2, n_head=2, n_embd=32))  # type: ignore[arg-type]
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.add_(normal(*p.shape, seed=i), alpha=0.1)  # away from zero projections
    tokens = torch.randint(32, (8, 33), generator=torch.Generator().manual_seed(0))
    gradients = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = next_token_loss(model, (tokens[:, :-1], tokens[:, 1:]))
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert F.cosine_similarity(*gradients, 0) > 0.99


@pytest.fixture
def by_onednn(monkeypatch) -> None:
    """Every float32 product goes to oneDNN, on whatever CPU."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(fused, "MKL_IS_SLOW", True)
    monkeypatch.setattr(fused, "WORTH", 1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (0, 5)])
@pytest.mark.usefixtures("by_onednn")
def test_a_linear_layer_and_its_derivatives_are_torchs(shape: tuple[int, ...], bias: bool) -> None:
    layer = fused.Linear(5, 7, bias=bias)
    x = torch.randn(shape, requires_grad=True)
    assert layer.is_slow(x) == bool(x.numel())
    results = []
    for forward in (layer, lambda x: F.linear(x, layer.weight, layer.bias)):
        y = forward(x)
        leaves = [x, *layer.parameters()]
        first = torch.autograd.grad(y.square().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), leaves)
        results.append([y, *first, *second])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("by_onednn")
def test_only_what_needs_a_gradient_gets_one() -> None:
    layer = fused.Linear(5, 7)
    layer.weight.requires_grad_(False)
    x = torch.randn(4, 5)
    layer(x).sum().backward()
    assert x.grad is layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((7,), 4.0))


@pytest.mark.filterwarnings("ignore:`torch.jit")  # by torch's own modules
@pytest.mark.usefixtures("by_onednn")
def test_other_numbers_and_transforms_are_left_to_torch() -> None:
    layer, x = fused.Linear(5, 7), torch.randn(4, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype is torch.bfloat16
    torch.testing.assert_close(torch.func.vmap(layer)(x), layer(x))
    torch.testing.assert_close(torch.func.jvp(layer, (x,), (x,))[1], layer(x) - layer.bias)
    assert layer.double()(x.double()).dtype is torch.float64


@pytest.mark.slow
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_a_compiled_model_has_the_same_gradients() -> None:
    """In a process of its own, since torch cannot compile the checks of types that the tests wrap around functions."""
    code = """
        import torch
        from glassworks.models.gpt.model import fused
        from glassworks.models.gpt.config import GPTConfig
        from glassworks.models.gpt.model import GPT
        from glassworks.objectives.losses import next_token_loss
        from glassworks.train.plan import compiled

        fused.MKL_IS_SLOW, fused.WORTH = True, 1
        torch.manual_seed(0)
        tokens = torch.randint(11, (2, 2, 8))
        for architecture in ("gpt2", "qwen3"):
            model = GPT(GPTConfig(architecture, 11, 8, 1, 2, 16))
            weights = list(model.parameters())
            losses = next_token_loss, compiled(next_token_loss)
            wanted, found = (torch.autograd.grad(loss_fn(model, tokens), weights) for loss_fn in losses)
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
            print(architecture)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.stdout == "gpt2\nqwen3\n", done.stderr


def test_where_numba_may_not_compile_torch_does_what_the_loops_would() -> None:
    code = """
    import torch
    from glassworks.models.gpt.config import GPTConfig
    from glassworks.models.gpt.model import GPT
    from glassworks.models.generation.sampling import stream

    model = GPT(GPTConfig("gpt2", 9, 16, 1, 2, 256))
    model(torch.zeros(1, 8, dtype=torch.int64)).sum().backward()
    print(len(list(stream(model, [[1]], max_tokens=3, ended=lambda row, token: False))))
    """
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "3\n", done.stderr
