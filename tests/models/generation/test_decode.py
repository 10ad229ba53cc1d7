import dataclasses

import pytest
import torch
from torch import nn

from glassworks.models.generation import decode
from glassworks.models.generation.autotune import Autotune
from glassworks.models.generation.decode import Decoder
from glassworks.models.generation.sampling import stream
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT, Cache

V, T = 37, 12
CONFIGS = {
    "gpt2": GPTConfig("gpt2", V, 16, 2, 3, 24),
    "gpt2 untied": GPTConfig("gpt2", V, 16, 2, 3, 24, tied=False),
    "llama": GPTConfig("llama", V, 16, 2, 3, 24),
    "llama tied, grouped, stretched": GPTConfig(
        "llama", V, 16, 2, 4, 24, n_kv_head=2, head_dim=8, tied=True, rope_type="llama3", rope_factor=8.0
    ),
    "qwen3": GPTConfig("qwen3", V, 16, 2, 3, 24),
    "qwen3 tied, grouped": GPTConfig("qwen3", V, 16, 2, 4, 24, n_kv_head=2, head_dim=8, tied=True),
    "nanochat": GPTConfig("nanochat", V, 16, 2, 4, 32),
    "nanochat grouped, no softcap": GPTConfig("nanochat", V, 16, 2, 4, 32, n_kv_head=1, softcap=None),
    "qwen3 attention only": GPTConfig("qwen3", V, 16, 2, 3, 24, n_inner=0),
    "nanochat attention only": GPTConfig("nanochat", V, 16, 2, 4, 32, n_inner=0),
}


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> GPT:
    return random_model(CONFIGS[request.param])


def random_model(config: GPTConfig) -> GPT:
    """A model whose weights are not at their initialisation, nor its norms near 1."""
    model = GPT(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
    return model


def both(model: GPT, padding: torch.Tensor | None, *, cache: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (B, 7, V) of the last seven tokens, one at a time, from the model and from its decoder."""
    tokens = torch.randint(V, (3, T), generator=torch.Generator().manual_seed(4))
    slow, fast = (Cache(model.config, 3, T, like=model.embed.weight, padding=padding) for _ in range(2))
    decoder = Decoder(model)
    assert decoder.applies(3)
    with torch.inference_mode():
        for empty in (slow, fast):
            model(tokens[:, :5], empty)
        theirs = torch.cat([model(token, slow) for token in tokens[:, 5:].split(1, 1)], 1)
        ours = torch.stack([decoder(token, fast) for token in tokens[:, 5:].split(1, 1)], 1)
    assert fast.length == slow.length == T
    if cache:
        torch.testing.assert_close(fast.kv, slow.kv, atol=1e-5, rtol=1e-2)
    return ours, theirs


@pytest.mark.parametrize("padding", [None, [0, 1, 4]])
def test_logits_are_those_of_the_model(model: GPT, padding: list[int] | None) -> None:
    ours, theirs = both(model, None if padding is None else torch.tensor(padding))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("padding", [None, [0, 1, 4]])
@pytest.mark.parametrize("steps", [[7], [5, 4], [1, 6]])
def test_several_tokens_at_once(model: GPT, padding: list[int] | None, steps: list[int]) -> None:
    """From an empty cache and from a filled one; whoever goes on with the cache, it is as the model would have it."""
    tokens = torch.randint(V, (3, T), generator=torch.Generator().manual_seed(4))
    padded = None if padding is None else torch.tensor(padding)
    slow, fast = (Cache(model.config, 3, T, like=model.embed.weight, padding=padded) for _ in range(2))
    decoder, start = Decoder(model), 0
    with torch.inference_mode():
        for time in steps:
            new = tokens[:, start : start + time]
            theirs = model(new, slow, last=True)[:, 0]
            if start + time > 4:  # before it, a row that is all padding has no last token
                torch.testing.assert_close(decoder(new, fast), theirs, atol=1e-5, rtol=1e-5)
            else:
                model(new, fast, last=True)
            start += time
            assert fast.length == slow.length == start
        new = tokens[:, start : start + 1]
        torch.testing.assert_close(model(new, fast), model(new, slow), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("time", [1, 5])
@pytest.mark.parametrize("padding", [None, [0, 1, 4, 0, 2]])
def test_rows_are_the_same_to_the_last_bit_alone_together_and_in_threads(
    model: GPT, padding: list[int] | None, time: int, monkeypatch
) -> None:
    tokens = torch.randint(V, (5, 5 + time), generator=torch.Generator().manual_seed(4))

    def logits(rows: list[int]) -> torch.Tensor:
        padded = None if padding is None else torch.tensor(padding)[rows]
        cache, decoder = Cache(model.config, len(rows), T, like=model.embed.weight, padding=padded), Decoder(model)
        decoder(tokens[rows, :5], cache)
        return decoder(tokens[rows, 5:], cache)

    together = logits([0, 1, 2, 3, 4])
    assert torch.equal(torch.cat([logits([row]) for row in range(5)]), together)
    monkeypatch.setattr(decode, "SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    ways = Decoder(model).tuning(5, time).ways
    assert ways[-2:] == ((3, True), (1, False))
    for way in ways:
        monkeypatch.setattr(Decoder, "tuning", lambda self, rows, time, way=way: Autotune(way))
        assert torch.equal(logits([0, 1, 2, 3, 4]), together)


def test_few_rows_of_much_work_are_left_to_torch_if_it_has_many_threads(monkeypatch) -> None:
    decoder = Decoder(random_model(CONFIGS["gpt2"]))
    decoder.size = 2**26
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert [decoder.applies(rows, 1) for rows in (1, 4, 7)] == [True] * 3
    assert [decoder.applies(rows, 16) for rows in (1, 7, 8)] == [False, False, True]
    decoder.size = 2**28
    assert [decoder.applies(rows, 1) for rows in (1, 3, 4)] == [True, False, True]
    assert not decoder.applies(8, 64)  # ctrl-C would wait
    decoder.size = 100
    assert decoder.applies(1, decode.LONG)
    assert not decoder.applies(1, decode.LONG + 1)


def test_more_tokens_than_the_cache_holds_are_refused(model: GPT) -> None:
    cache = Cache(model.config, 1, 3, like=model.embed.weight)
    with pytest.raises(ValueError, match=r"4 tokens do not fit the cache \(size=3\)"):
        Decoder(model)(torch.zeros(1, 4, dtype=torch.int64), cache)


def test_a_cache_longer_than_the_context_does_not_help(model: GPT) -> None:
    cache = Cache(model.config, 1, 20, like=model.embed.weight)
    with pytest.raises(ValueError, match=r"17 tokens do not fit the cache \(size=16\)"):
        Decoder(model)(torch.zeros(1, 17, dtype=torch.int64), cache)


def test_tokens_may_be_of_any_whole_type(model: GPT) -> None:
    tokens = torch.arange(6).view(2, 3)
    caches = [Cache(model.config, 2, 3, like=model.embed.weight) for _ in range(2)]
    decoder = Decoder(model)
    assert torch.equal(decoder(tokens, caches[0]), decoder(tokens.to(torch.int32), caches[1]))


def test_memory_that_nobody_wrote_is_not_read(model: GPT) -> None:
    """Whoever goes on with the cache. In this mode torch fills what is new with NaN."""
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        assert torch.empty(3).isnan().all()
        for padding in (None, torch.tensor([0, 3])):
            cache = Cache(model.config, 2, T, like=model.embed.weight, padding=padding)
            decoder, tokens = Decoder(model), torch.ones(2, T, dtype=torch.int64)
            assert decoder(tokens[:, :4], cache).isfinite().all()
            with torch.inference_mode():
                assert model(tokens[:, 4:5], cache).isfinite().all()
            assert decoder(tokens[:, 5:6], cache).isfinite().all()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = before


@pytest.mark.parametrize("name", ["gpt2", "qwen3", "nanochat"])
def test_torchs_default_type_does_not_matter(name: str) -> None:
    model = random_model(CONFIGS[name])
    plain = write(model)
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert write(model) == plain
    finally:
        torch.set_default_dtype(torch.float32)


def test_norms_far_from_zero_mean_agree() -> None:
    """Centring is folded into the weights; a residual stream that is far off zero must not lose digits."""
    model = random_model(CONFIGS["gpt2"])
    with torch.no_grad():
        model.embed.weight.add_(50)
        for block in model.blocks:
            block.attn.proj.bias.add_(20)
            block.mlp.down.weight.add_(1)
    ours, theirs = both(model, None, cache=False)
    model.double()
    tokens = torch.randint(V, (3, T), generator=torch.Generator().manual_seed(4))
    exact = model(tokens)[:, 5:]
    assert (ours - exact).norm() < 1.5 * (theirs - exact).norm()


def test_large_and_foreign_numbers_are_left_to_the_model(monkeypatch) -> None:
    model = random_model(CONFIGS["gpt2"])
    monkeypatch.setattr(decode, "COPIED", 100)
    assert not Decoder(model).applies(1)
    monkeypatch.undo()
    assert Decoder(model).applies(1)
    assert not Decoder(model.to(torch.bfloat16)).applies(1)
    assert len(write(model)) == 10


def test_huge_activations_stay_finite(model: GPT) -> None:
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(40)
    ours, theirs = both(model, None, cache=False)
    assert torch.isfinite(ours).all()
    assert (ours.argmax(-1) == theirs.argmax(-1)).float().mean() > 0.8


def test_weights_are_untouched(model: GPT) -> None:
    before = {name: p.clone() for name, p in model.state_dict().items()}
    both(model, None)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def write(model: GPT) -> list[int | None]:
    """Ten greedy tokens."""
    return [row[0] for row in stream(model, [[1, 2]], max_tokens=10, temperature=0, ended=lambda row, token: False)]


def test_every_module_that_is_hooked_fires_at_every_token(model: GPT) -> None:
    plain = write(model)
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) or name == "position":
            continue  # never called: the model reads the rows of position.weight itself
        calls: list[str] = []
        for register in (module.register_forward_hook, module.register_forward_pre_hook):
            handle = register(lambda *_, calls=calls, name=name: calls.append(name))
            assert write(model) == plain
            assert len(calls) == 10, name
            calls.clear()
            handle.remove()


def test_an_edit_at_a_tap_acts_from_the_next_token_on(model: GPT) -> None:
    plain = write(model)
    tokens = stream(model, [[1, 2]], max_tokens=10, temperature=0, ended=lambda row, token: False)
    start = [next(tokens)[0] for _ in range(3)]
    wanted = (plain[3] + 1) % V
    handle = model.head.register_forward_hook(lambda module, args, out: out.index_fill(-1, torch.tensor(wanted), 1e3))
    edited = [next(tokens)[0] for _ in range(3)]
    handle.remove()
    assert start == plain[:3]
    assert edited == [wanted] * 3


def test_an_edited_pattern_changes_what_is_written(model: GPT) -> None:
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    plain = write(model)
    model.blocks[0].attn.pattern.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    assert write(model) != plain


def test_models_with_foreign_parts_are_left_to_themselves() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    model = random_model(CONFIGS["gpt2"])
    assert Decoder(model).applies(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert not Decoder(model).applies(1)
    model.blocks[0].mlp.up = Doubled(24, 96)
    assert not Decoder(model).applies(1)
    assert len(write(model)) == 10
    other = random_model(dataclasses.replace(CONFIGS["gpt2"], n_layer=1))
    other.blocks[0].forward = lambda x, *_: x
    assert not Decoder(other).applies(1)
