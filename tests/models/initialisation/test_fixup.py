import pytest
import torch
from tests.models.initialisation.networks import Residual, batch_of, chain, class_loss, loss_of, residual
from torch import nn

from glassworks.models.gpt.model import GPT, GPTConfig
from glassworks.models.initialisation.draws import draw_default, draw_he
from glassworks.models.initialisation.fixup import draw_fixup
from glassworks.models.initialisation.layers import layers_to_draw
from glassworks.models.initialisation.residual import structure_of
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.losses import next_token_loss


def branches(model: nn.Module, run) -> list[tuple[list[str], int]]:
    found = structure_of(model, layers_to_draw(model), run)
    return [([layer.name for layer in branch.layers], branch.depth) for branch in found.branches]


def test_branches_of_a_residual_network_are_found_with_and_without_a_stem() -> None:
    for stem, first in ((True, 2), (False, 0)):
        model = residual(8, 3, stem=stem)
        expected = [([f"{first + n}.body.0", f"{first + n}.body.2"], 2) for n in range(3)]
        assert branches(model, loss_of(model, batch_of(8))) == expected


def test_a_chain_has_none_nor_has_one_whose_weights_are_0() -> None:
    model = chain(8, 4)
    assert branches(model, loss_of(model, batch_of(8))) == []
    with torch.no_grad():
        model[-1].weight.zero_()
    assert branches(model, loss_of(model, batch_of(8))) == []


def test_what_stands_side_by_side_and_is_joined_is_no_residual_branch() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a, self.b, self.head = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x).relu()
            return self.head(torch.cat([self.a(x), self.b(x)], -1).relu())

    model = Joined()
    for layer in (model.a, model.b):
        layer.bias.requires_grad_(False).zero_()
    assert branches(model, loss_of(model, batch_of(8))) == []


def test_a_resnets_blocks_are_its_branches() -> None:
    model = make_model(VisionConfig("resnet20", (1, 8, 8), 4, norm="none", width=4))
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = branches(model, lambda: model(x).square().sum())
    assert found == [
        ([f"stage{s}.block{b}.conv1", f"stage{s}.block{b}.conv2"], 2) for s in (1, 2, 3) for b in (1, 2, 3)
    ]


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3"])
def test_a_transformers_attention_and_mlp_are_branches(architecture: str) -> None:
    config = GPTConfig(architecture=architecture, vocab_size=16, n_ctx=8, n_layer=2, n_head=2, n_embd=16)
    model = GPT(config, seed=0)
    tokens = torch.randint(16, (4, 9), generator=torch.Generator().manual_seed(0))
    found = branches(model, lambda: next_token_loss(model, (tokens[:, :-1], tokens[:, 1:])))
    assert len(found) == 4
    assert all(name.startswith(f"blocks.{n // 2}.") for n, (names, _) in enumerate(found) for name in names)


def test_weights_buffers_gradients_and_random_numbers_are_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), Residual(nn.Linear(8, 8), nn.Dropout()), nn.Linear(8, 4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    structure_of(model, layers_to_draw(model), loss_of(model, batch_of(8)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_branches_end_at_0_and_are_scaled_by_their_number_and_length() -> None:
    model = residual(64, 9, layers=3)
    plain = residual(64, 9, layers=3)
    notes = draw_fixup(model, loss_of(model, batch_of(64)), 4)
    draw_he(plain, 4)
    for ours, theirs in zip(model[2:-1], plain[2:-1], strict=True):
        for n in (0, 2):
            torch.testing.assert_close(ours.body[n].weight, theirs.body[n].weight * 9 ** (-1 / 4))
        assert not ours.body[4].weight.any()
    assert not model[-1].weight.any()
    assert torch.equal(model[0].weight, plain[0].weight)
    assert "9 residual branches of 3 layers" in notes[0]
    assert "rule 3" in notes[1]


def step_of(model: nn.Module, lr: float = 0.05) -> float:
    """How far two steps of gradient descent move the outputs: the first alone moves the head, which begins at 0."""
    batch = batch_of(32, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    outputs = []
    for _ in range(3):
        optimizer.zero_grad()
        class_loss(model, batch).backward()
        with torch.no_grad():
            outputs.append(model(batch[0]))
        optimizer.step()
    return (outputs[2] - outputs[1]).norm().item()


def test_a_step_moves_the_outputs_as_much_at_any_depth_and_not_so_by_he() -> None:
    moved, loose = {}, {}
    for blocks in (3, 24):
        model = residual(32, blocks)
        draw_fixup(model, loss_of(model, batch_of(32)), 1)
        moved[blocks] = step_of(model)
        draw_he(model, 1)
        loose[blocks] = step_of(model)
    assert 0.4 < moved[24] / moved[3] < 2.5
    assert not loose[24] < 50 * loose[3]  # also where it is no number any more


def test_of_a_network_without_branches_it_says_what_applies() -> None:
    model = chain(16, 3)
    (note,) = draw_fixup(model, loss_of(model, batch_of(16)), 0)
    assert note == "no residual branch was found: he is all of Fixup that applies, and 6 begins at 0"
    plain = chain(16, 3)
    draw_he(plain, 0)
    assert torch.equal(model[2].weight, plain[2].weight)


def test_norms_are_named_where_there_are_any() -> None:
    model = nn.Sequential(nn.Linear(8, 8), Residual(nn.Linear(8, 8), nn.BatchNorm1d(8)), nn.Linear(8, 4))
    draw_default(model)
    notes = draw_fixup(model, loss_of(model, batch_of(8)), 0)
    assert notes[-1] == "its norms stay, and Fixup is made to do without them"
