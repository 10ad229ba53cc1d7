"""What an agent learns from: advantages at ends and cuts, losses beside finite differences, values beside the truth."""

import numpy as np
import pytest
import torch

from glassworks.agents.acting import as_taken, chosen, greedy, scorer
from glassworks.agents.fused import is_plain
from glassworks.agents.gradient import gradient_loss
from glassworks.agents.memory import Acting, Agent, begin_tally, told
from glassworks.agents.recipe import PolicyRecipe
from glassworks.agents.rollout import collect
from glassworks.agents.run import Practice, shape_for
from glassworks.data.environments.compiled import Compiled
from glassworks.data.environments.grids import GRIDS, policy_values
from glassworks.data.environments.spaces import Discrete, box
from glassworks.data.environments.tables import Walkers
from glassworks.models.policy.config import PolicyConfig
from glassworks.models.policy.network import Tiles, logprobs_of, make_policy


def acting(environments: Compiled, **shape: object) -> Acting:
    config = PolicyConfig(observed=environments.observation.width, actions=environments.actions.width, **shape)
    agent = Agent(make_policy(config))
    begin_tally(agent, environments.number)
    return Acting(agent, environments, 0)


def test_what_would_have_come_after_a_cut_is_what_the_last_state_is_worth():
    """With gamma 0 beyond the step, an advantage of lambda 0 is r + gamma V(final) - V(s), at a cut as elsewhere."""
    where = acting(Compiled("CartPole-v1", 2, limit=3))
    policy = where.agent.policy
    found = collect(policy, where, 6, 0, 0, gamma=0.9, lam=0.0)
    assert found.observed.shape == (12, 4)
    other = Compiled("CartPole-v1", 2, limit=3)
    other.reset(0)
    for t in range(6):
        rows = slice(2 * t, 2 * t + 2)
        stepped = other.step(found.actions[rows].numpy())
        after = policy(torch.from_numpy(stepped.final)).value * torch.from_numpy(~stepped.terminated)
        wanted = torch.from_numpy(stepped.reward) + 0.9 * after - policy(found.observed[rows]).value
        torch.testing.assert_close(found.advantages[rows], wanted.detach(), atol=1e-5, rtol=0)
        assert stepped.truncated.all() == (t % 3 == 2)


def test_what_was_collected_is_what_a_policy_would_say_of_it():
    where = acting(Compiled("CartPole-v1", 8))
    found = collect(where.agent.policy, where, 20, 0, 0, gamma=0.99, lam=0.95)
    said = where.agent.policy(found.observed)
    logs, entropy = logprobs_of(where.agent.policy, said.scores, found.actions)
    torch.testing.assert_close(logs, found.logprobs, atol=1e-6, rtol=0)
    torch.testing.assert_close(said.value, found.values, atol=1e-6, rtol=0)
    assert (entropy <= np.log(2) + 1e-6).all()
    assert told(where.agent)["environment_steps"] == 160


@pytest.mark.parametrize("continuous", [False, True])
def test_actions_are_drawn_as_their_probabilities_say(continuous: bool):
    policy = make_policy(PolicyConfig(observed=1, actions=3, continuous=continuous))
    scores = torch.tensor([0.3, -1.0, 0.8]).expand(100_000, 3)
    noise = torch.randn(100_000, 3) if continuous else torch.rand(100_000)
    actions = torch.from_numpy(chosen(policy, scores.numpy(), noise.numpy()))
    if continuous:
        torch.testing.assert_close(actions.mean(0), scores[0], atol=0.02, rtol=0)
        logs, entropy = logprobs_of(policy, scores, actions)
        torch.testing.assert_close(-logs.mean(), entropy[0], atol=0.02, rtol=0)
    else:
        shares = torch.bincount(actions) / 100_000
        torch.testing.assert_close(shares, scores[0].softmax(0), atol=0.01, rtol=0)
    assert greedy(policy, scores[:1].numpy()).tolist() == ([scores[0].tolist()] if continuous else [2])


def test_numbers_reach_both_ends_of_what_an_environment_takes():
    taken = as_taken(box([-2.0, 0.0], [2.0, 1.0]), np.array([[-5.0, 0.0], [1.0, 1.0]]))
    assert taken.tolist() == [[-2.0, 0.5], [2.0, 1.0]]
    assert as_taken(Discrete(3), np.array([2])).tolist() == [2]


def test_values_of_the_random_walk_are_learned_to_be_the_true_ones():
    """Example 6.2: with one action there is nothing to choose, and Q-learning's table is the policy's value."""
    recipe = PolicyRecipe(data="env:RandomWalk", method="q_learning", alpha=0.02, episodes=2000, explore=0.0, steps=1)
    walkers = Walkers("RandomWalk", GRIDS["RandomWalk"], 1)
    recipe = PolicyRecipe(**{**vars(recipe), "model": shape_for(recipe, walkers)})
    practice = Practice(recipe)
    practice.build(torch.device("cpu"), torch.float32)
    weights, _ = practice.batch(0)
    true = policy_values(GRIDS["RandomWalk"], np.ones((7, 1)))
    np.testing.assert_allclose(weights[0, 1:-1], true[1:-1], atol=0.08)


def test_tiles_are_one_of_each_grid_and_near_points_share_most():
    tiles = Tiles(PolicyConfig(reads="tiles", observed=2, actions=3, low=(-1.2, -0.07), high=(0.6, 0.07)))
    points = torch.tensor([[-0.5, 0.0], [-0.49, 0.0], [0.5, 0.06], [0.6, 0.07], [-9.0, 9.0]])
    rows = tiles(points)
    assert (rows.sum(1) == 8).all()
    assert rows.shape == (5, 8 * 81)
    assert (rows[0] * rows[1]).sum() >= 7
    assert (rows[0] * rows[2]).sum() == 0


def test_a_step_of_ppo_has_the_gradient_that_finite_differences_have():
    recipe = PolicyRecipe(n_envs=4, n_steps=8, batch_size=32, epochs=1, entropy=0.01)
    recipe = PolicyRecipe(**{**vars(recipe), "model": shape_for(recipe, Compiled("CartPole-v1", 1))})
    practice = Practice(recipe)
    agent, _ = practice.build(torch.device("cpu"), torch.float32)
    batch = practice.batch(0)
    agent.double()
    batch = batch._replace(**{k: v.double() for k, v in batch._asdict().items() if v.is_floating_point()})

    def loss() -> torch.Tensor:
        found = gradient_loss(recipe)(agent, batch)
        return found.total / found.number

    loss().backward()
    for name, weight in agent.policy.named_parameters():
        place = int(weight.grad.abs().argmax())
        flat = weight.detach().view(-1)
        at = flat[place].item()
        with torch.no_grad():
            flat[place] = at + 1e-6
            up = loss()
            flat[place] = at - 1e-6
            down = loss()
            flat[place] = at
        assert weight.grad.view(-1)[place].item() == pytest.approx(float(up - down) / 2e-6, rel=1e-4, abs=1e-8), name


@pytest.mark.parametrize(
    "shape", [{}, {"activation": "relu", "depth": 1}, {"depth": 0}, {"reads": "tiles", "depth": 0}]
)
def test_what_is_computed_without_torch_is_what_the_policy_says(shape: dict) -> None:
    config = PolicyConfig(observed=2, actions=3, low=(-1.0, -1.0), high=(1.0, 1.0), **shape)
    policy = make_policy(config, 3)
    for weight in policy.parameters():
        torch.nn.init.normal_(weight)
    seen = torch.rand(50, 2) * 2 - 1
    np.testing.assert_allclose(scorer(policy)(seen.numpy()), policy(seen).scores.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_gradient_by_hand_is_autograds(activation: str, depth: int) -> None:
    """With ratios beyond the clip on both sides, steps that do not count, and entropy."""
    recipe = PolicyRecipe(n_envs=8, n_steps=16, batch_size=128, epochs=1, entropy=0.02, value_weight=0.3)
    shape = PolicyConfig(width=16, depth=depth, activation=activation)
    recipe = PolicyRecipe(**{**vars(recipe), "model": shape})
    recipe = PolicyRecipe(**{**vars(recipe), "model": shape_for(recipe, Compiled("Acrobot-v1", 1))})
    practice = Practice(PolicyRecipe(**{**vars(recipe), "data": "env:Acrobot-v1"}))
    agent, _ = practice.build(torch.device("cpu"), torch.float32)
    batch = practice.batch(0)
    torch.manual_seed(1)
    batch = batch._replace(logprobs=batch.logprobs + 0.4 * torch.randn(128), counts=torch.rand(128) > 0.2)
    assert is_plain(agent.policy)
    found = []
    for by_hand in (True, False):
        agent.zero_grad()
        summed = gradient_loss(recipe, by_hand=by_hand)(agent, batch)
        (summed.total / summed.number).backward()
        grads = [weight.grad.clone() for weight in agent.policy.parameters()]
        found.append((summed.total.detach(), summed.number, summed.logs, grads))
    (total, number, logs, grads), (other, numbers, others, theirs) = found
    torch.testing.assert_close(total, other, rtol=1e-5, atol=1e-4)
    assert number == numbers
    assert 0 < logs["clipped"] < number
    for name, value in others.items():
        torch.testing.assert_close(torch.as_tensor(logs[name]), torch.as_tensor(value), rtol=1e-4, atol=1e-3)
    for mine, yours in zip(grads, theirs, strict=True):
        torch.testing.assert_close(mine, yours, rtol=1e-4, atol=1e-6)


def test_a_network_that_is_looked_into_is_computed_layer_by_layer() -> None:
    policy = make_policy(PolicyConfig(observed=4, actions=2))
    assert is_plain(policy)
    handle = policy.actor[0].register_forward_hook(lambda *_: None)
    assert not is_plain(policy)
    handle.remove()
    assert is_plain(policy)
    assert not is_plain(make_policy(PolicyConfig(observed=4, actions=2, continuous=True)))
