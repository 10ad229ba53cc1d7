"""Whatever is done to a model, generation takes what its forward pass gives."""

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune

from glassworks.models.generation.choice import Sampling
from glassworks.models.generation.decode import Decoder
from glassworks.models.generation.sampling import Batch, stream
from glassworks.models.gpt import model as gpt
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.intact import intact
from glassworks.models.gpt.model import GPT, MLP, Attention, Block, RMSNorm

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype")  # torch's, of norms that became double

V, C = 29, 16
CONFIGS = [
    GPTConfig("gpt2", V, 12, 2, 2, C),
    GPTConfig("qwen3", V, 12, 2, 4, C, n_kv_head=2, head_dim=4, tied=True),
    GPTConfig("llama", V, 12, 2, 4, C, n_kv_head=2, rope_type="linear", rope_factor=2.0),
    GPTConfig("nanochat", V, 12, 2, 2, C),
]
SHAPES = {"n_head": 1, "n_layer": 3, "n_embd": 2 * C, "n_ctx": 8, "norm_eps": 0.5, "n_inner": 24, "vocab_size": V + 3}


class Mean(nn.Module):
    """A part that looks at all earlier positions, of which a cache knows nothing."""

    def forward(self, x: torch.Tensor, *_: object) -> torch.Tensor:
        return x.cumsum(1) / torch.arange(1, x.size(1) + 1)[:, None].unsqueeze(1 if x.ndim == 4 else 0)


def random_model(config: GPTConfig) -> GPT:
    model = GPT(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.3)
    return model


def named(model: nn.Module, pick: int, kind: type | tuple[type, ...] = nn.Module) -> tuple[nn.Module, str]:
    """The parent of one of the model's modules of a kind, and its name there."""
    names = [name for name, module in model.named_modules() if name and isinstance(module, kind)]
    parent, _, name = names[pick % len(names)].rpartition(".") if names else ("", "", "none")
    return model.get_submodule(parent), name


def of(model: nn.Module, pick: int, kind: type | tuple[type, ...] = nn.Module) -> nn.Module:
    parent, name = named(model, pick, kind)
    return getattr(parent, name)


def replace(by: Callable[[], nn.Module], kind: type | tuple[type, ...] = nn.Module) -> Callable[[GPT, int], None]:
    def act(model: GPT, pick: int) -> None:
        parent, name = named(model, pick, kind)
        setattr(parent, name, by())

    return act


def reorder(act: Callable[[list[nn.Module]], list[nn.Module]]) -> Callable[[GPT, int], None]:
    def do(model: GPT, pick: int) -> None:
        model.blocks = nn.ModuleList(act(list(model.blocks)))

    return do


def other_shape(model: GPT, pick: int) -> None:
    """A part of a model of another shape."""
    field = list(SHAPES)[pick % len(SHAPES)]
    config = dataclasses.replace(model.config, **{"n_kv_head": None, "head_dim": None, field: SHAPES[field]})
    other = random_model(config)
    parent, name = named(model, pick // 7)
    path = next(path for path, module in model.named_modules() if module is getattr(parent, name))
    setattr(parent, name, other.get_submodule(path))


def share_weights(model: GPT, pick: int) -> None:
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    same = [a for a in linear if a.weight.shape == linear[pick % len(linear)].weight.shape]
    same[pick % len(same)].weight = linear[pick % len(linear)].weight


class Slope(nn.Module):
    """A part that differentiates."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(x.pow(3).sum(), x)[0]


def override_forward(model: GPT, pick: int) -> None:
    module = of(model, pick, (Block, MLP, Attention, RMSNorm, nn.LayerNorm, nn.Linear, nn.Identity))
    before = module.forward
    module.forward = lambda *args: before(*args) * 2


def set_attribute(model: GPT, pick: int) -> None:
    name, kind, value = [
        ("eps", (RMSNorm, nn.LayerNorm), 0.7),
        ("kv_heads", Attention, 1),
        ("architecture", Attention, "qwen3"),
        ("architecture", MLP, "nanochat"),
        ("layer", Attention, 0),
        ("note", Block, "a user's own"),
    ][pick % 6]
    setattr(of(model, pick // 6, kind), name, value)


def set_config(model: GPT, pick: int) -> None:
    field = list(SHAPES)[pick % len(SHAPES)]
    model.config = dataclasses.replace(model.config, **{"n_kv_head": None, "head_dim": None, field: SHAPES[field]})


def set_tensor(model: GPT, pick: int) -> None:
    """Any weight or table, written over in one of several ways."""
    tensors = [*model.parameters(), *model.buffers()]
    tensor = tensors[pick % len(tensors)]
    with torch.no_grad():
        [lambda: tensor.zero_(), lambda: tensor.mul_(-3), lambda: tensor.add_(0.5), lambda: tensor.data.mul_(0.2)][
            pick % 4
        ]()


SURGERIES: dict[str, Callable[[GPT, int], object]] = {
    "block removed": lambda model, pick: model.blocks.__delitem__(pick % 2),
    "all blocks removed": reorder(lambda blocks: []),
    "blocks turned round": reorder(lambda blocks: blocks[::-1]),
    "block twice": reorder(lambda blocks: [blocks[0], blocks[0]]),
    "block copied": reorder(lambda blocks: [*blocks, copy.deepcopy(blocks[0])]),
    "norm left out": replace(nn.Identity, (RMSNorm, nn.LayerNorm)),
    "MLP left out": replace(nn.Identity, MLP),
    "anything left out": replace(nn.Identity),
    "tap is a layer": replace(lambda: nn.Linear(C, C), nn.Identity),
    "tap is a function": replace(nn.Tanh, nn.Identity),
    "tap looks back": replace(Mean, nn.Identity),
    "attention is a mean": replace(Mean, Attention),
    "tap differentiates": replace(Slope, nn.Identity),
    "of another shape": other_shape,
    "weights shared": share_weights,
    "untied": lambda model, pick: setattr(model.head, "weight", nn.Parameter(torch.randn(V, C))),
    "bias added": lambda model, pick: setattr(of(model, pick, nn.Linear), "bias", nn.Parameter(torch.ones(1))),
    "bias removed": lambda model, pick: setattr(of(model, pick, (nn.Linear, nn.LayerNorm)), "bias", None),
    "pruned": lambda model, pick: prune.l1_unstructured(of(model, pick, nn.Linear), "weight", 0.5),
    "parametrised": lambda model, pick: parametrizations.weight_norm(of(model, pick, nn.Linear)),
    "forward overridden": override_forward,
    "attribute set": set_attribute,
    "configuration set": set_config,
    "weights set": set_tensor,
    "subclass": lambda model, pick: setattr(model, "__class__", type("Mine", (GPT,), {})),
    "hooked": lambda model, pick: of(model, pick).register_forward_hook(lambda module, args, out: out * 1.5),
    "double": lambda model, pick: of(model, pick).double(),
}


def agree(model: GPT, prompts: list[list[int]], steps: int = 4) -> None:
    """Each row's logits are those of its window by the forward pass alone, or both fail."""
    failure = None
    model.eval()
    try:
        batch = Batch(model, prompts, Sampling(max_tokens=steps, temperature=0))
        ours: list[torch.Tensor] | None = []
        choose = batch.choose
        batch.choose = lambda logits: (ours.append(logits.clone()), choose(logits))[1]
        for _ in range(steps):
            batch.step()
    except Exception as error:
        ours, failure = None, error
    try:
        rows = [list(prompt) for prompt in prompts]
        theirs: list[torch.Tensor] | None = []
        with torch.no_grad():
            for _ in range(steps):
                theirs.append(torch.cat([model(torch.tensor([row]))[:, -1] for row in rows]))
                assert not theirs[-1].isnan().any()
                for row, logits in zip(rows, theirs[-1], strict=True):
                    row.append(int(logits.argmax()))
    except Exception:
        theirs = None
    assert (ours is None) == (theirs is None), failure
    for mine, own in zip(ours or (), theirs or (), strict=True):
        scale = max(1.0, float(own.abs().max()))
        torch.testing.assert_close(mine / scale, own / scale, atol=1e-5, rtol=1e-5, equal_nan=True, check_dtype=False)


operation = st.tuples(st.sampled_from(sorted(SURGERIES)), st.integers(0, 200))


@given(st.sampled_from(CONFIGS), st.lists(operation, min_size=1, max_size=3), st.booleans())
@example(CONFIGS[0], [("parametrised", 134), ("untied", 0)], False)
@settings(max_examples=25, deadline=None)
def test_random_surgeries(config: GPTConfig, operations: list[tuple[str, int]], alone: bool) -> None:
    model = random_model(config)
    for name, pick in operations:
        try:
            SURGERIES[name](model, pick)
        except (AttributeError, ValueError, RuntimeError, TypeError, LookupError):
            continue  # impossible after the others
    agree(model, [[3, 1, 4]] if alone else [[3, 1, 4], [1], [5, 9]])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.architecture)
@pytest.mark.parametrize("name", SURGERIES)
def test_every_surgery(config: GPTConfig, name: str) -> None:
    for pick in range(0, 60, 11):
        model = random_model(config)
        try:
            SURGERIES[name](model, pick)
        except (AttributeError, ValueError, RuntimeError, TypeError, LookupError):
            continue
        agree(model, [[3, 1, 4], [1]])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.architecture)
def test_what_changes_no_part_leaves_a_model_intact(config: GPTConfig) -> None:
    model = random_model(config)
    model.blocks[0].note = "a user's own"
    model.train().requires_grad_(False)
    model.recompute = True
    assert intact(model)
    assert intact(copy.deepcopy(model))
    assert Decoder(model).applies(1)
    assert not intact(model.blocks[0])
    model.blocks[0].attn.forward = model.blocks[0].attn.forward
    assert not intact(model)


@pytest.mark.parametrize("config", CONFIGS[:2], ids=lambda config: config.architecture)
@pytest.mark.parametrize(
    ("holder", "name", "change"),
    [
        (MLP, "forward", lambda before: lambda self, x: x),
        (GPT, "unembed", lambda before: lambda self, x: before(self, x) * -2),
        (GPT, "inputs", lambda before: lambda self, tokens, cache: before(self, (tokens + 1) % V, cache)),
        (GPT, "__call__", lambda before: lambda self, *args, **options: before(self, *args, **options) * -2),
        (Attention, "heads_of", lambda before: lambda self, qkv, rope: before(self, qkv * 2, rope)),
        (gpt, "fused", lambda before: lambda *args: before(*args) * 3),
    ],
)
def test_patched_code_is_seen(
    monkeypatch: pytest.MonkeyPatch, config: GPTConfig, holder: object, name: str, change: Callable[..., object]
) -> None:
    model = random_model(config)
    monkeypatch.setattr(holder, name, change(getattr(holder, name)))
    assert not intact(model)
    agree(model, [[3, 1, 4]])


def test_torchs_compiler_leaves_a_model_intact_when_it_is_loaded() -> None:
    from torch._dynamo.mutation_guard import install_generation_tagging_init

    install_generation_tagging_init()  # what its first use does
    assert nn.Module.__setstate__.__name__ == "patched_setstate"
    assert intact(GPT(CONFIGS[0]))


def test_a_class_s_new_methods_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPT, "note", lambda self: 3, raising=False)
    assert intact(random_model(CONFIGS[0]))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.architecture)
@pytest.mark.parametrize(
    "edit",
    [
        lambda model: model.blocks[0].mlp.up.weight.mul_(-3),
        lambda model: model.load_state_dict(random_model(model.config).state_dict()),
        lambda model: setattr(model.blocks[1].mlp, "down", nn.Linear(model.config.width_of_mlp, C)),
        lambda model: setattr(model.norm, "weight", nn.Parameter(torch.randn(C))),
        lambda model: model.blocks[0].register_forward_hook(lambda module, args, out: out * 1.5),
    ],
)
def test_edits_while_it_writes_count_from_the_next_token_on(config: GPTConfig, edit: Callable[[GPT], object]) -> None:
    model = random_model(config)
    tokens = stream(model, [[1, 2]], max_tokens=8, temperature=0, ended=lambda row, token: False)
    start = [next(tokens)[0] for _ in range(3)]
    with torch.no_grad():
        edit(model)
    after = [next(tokens)[0] for _ in range(3)]
    ids = [1, 2, *start]
    with torch.no_grad():
        for token in after:
            wanted = model(torch.tensor([ids]))[0, -1]
            assert token == wanted.argmax()
            ids.append(token)
