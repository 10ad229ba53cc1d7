"""Derivatives by hand: autograd's, in every form, on any batch."""

import pytest
import torch
from torch.nn import functional as F

from glassworks.models.simple.char_mlp import CharMLP, CharMLPConfig, Init
from glassworks.reproductions.makemore.by_hand import calibrate, loss_by_hand, worst_differences

V, B = 11, 16
BIASED = Init(hidden_bias=0.1, head=0.1, head_bias=0.1)


def network(seed: int = 0, n_ctx: int = 3) -> CharMLP:
    """In float64, its gains and biases off 1 and 0."""
    model = CharMLP(CharMLPConfig(V, n_ctx, 4, 9, batch_norm="hidden", init=BIASED), seed=seed).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype), alpha=0.3)
    return model


def batch(seed: int = 0, n_ctx: int = 3, size: int = B) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(V, (size, n_ctx), generator=generator), torch.randint(V, (size,), generator=generator)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_ctx", "size"), [(3, B), (1, 2), (5, 40)])
def test_every_form_matches_autograd(seed: int, n_ctx: int, size: int) -> None:
    found = worst_differences(network(seed, n_ctx), *batch(seed, n_ctx, size))
    assert found.keys() == {"stepwise", "cross_entropy", "batch_norm", "closed_form"}
    assert all(difference <= 1e-9 for difference in found.values()), found


def test_the_loss_and_its_gradient_are_those_of_the_module() -> None:
    model, data = network(), batch()
    expected = F.cross_entropy(model(data[0]), data[1])
    ours = loss_by_hand(model, data)
    wanted = list(model.parameters())
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(
        torch.autograd.grad(3 * ours, wanted), torch.autograd.grad(3 * expected, wanted), atol=1e-12, rtol=1e-9
    )


def test_training_by_hand_is_training() -> None:
    by_hand, by_autograd = network(), network()
    for model in (by_hand, by_autograd):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(20):
            x, y = batch(step)
            loss = loss_by_hand(model, (x, y)) if model is by_hand else F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, p in by_autograd.named_parameters():
        torch.testing.assert_close(by_hand.get_parameter(name), p, atol=1e-10, rtol=1e-8)


def test_calibrated_the_norm_has_the_statistics_of_all_examples() -> None:
    model, (contexts, _) = network(), batch(size=9000)
    calibrate(model, contexts)
    outputs: list[torch.Tensor] = []
    model.hidden[1].register_forward_hook(lambda _module, _args, output: outputs.append(output))
    model.eval()(contexts)
    z = (outputs[0] - model.hidden[1].bias) / model.hidden[1].weight
    torch.testing.assert_close(z.mean(0), torch.zeros(9).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(9).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CharMLPConfig(V), "one hidden layer with batch_norm='hidden'"),
        (CharMLPConfig(V, n_layer=2, batch_norm="hidden"), "one hidden layer"),
        (CharMLPConfig(V, batch_norm="hidden", init=Init(hidden_bias=None)), "needs both biases"),
        (CharMLPConfig(V, batch_norm="all"), "no norm after the head"),
    ],
)
def test_other_networks_are_refused(config: CharMLPConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss_by_hand(CharMLP(config), batch())
