"""Our own environments: gymnasium's, step for step, and the same rules of ending and beginning."""

import math

import numpy as np
import pytest

from glassworks.data.environments.compiled import RULES, Compiled
from glassworks.data.environments.spaces import Discrete

gymnasium = pytest.importorskip("gymnasium")
OURS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1")


def actions_of(environments: Compiled, rng: np.random.Generator, number: int) -> np.ndarray:
    """Random actions."""
    if isinstance(environments.actions, Discrete):
        return rng.integers(0, environments.actions.n, number)
    return rng.uniform(-2.5, 2.5, (number, environments.actions.width)).astype(np.float32)


@pytest.mark.parametrize("name", OURS)
def test_is_gymnasiums_step_for_step(name):
    ours, theirs = Compiled(name, 1), gymnasium.make(name).unwrapped
    rng, ended = np.random.default_rng(0), 0
    ours.reset(3)
    theirs.reset(seed=0)
    for _ in range(3000):
        theirs.state, theirs.steps_beyond_terminated = np.array(ours.values[:, 0]), None
        (action,) = actions_of(ours, rng, 1)
        stepped = ours.step(np.array([action]))
        seen, reward, terminated, _, _ = theirs.step(action)
        np.testing.assert_allclose(stepped.final[0], seen, rtol=0, atol=1e-6)
        assert stepped.reward[0] == pytest.approx(reward, abs=1e-6)
        assert stepped.terminated[0] == terminated
        if not stepped.done[0]:
            np.testing.assert_allclose(ours.values[:, 0], theirs.state, rtol=0, atol=1e-12)
        else:
            ended += 1
    assert ended > 5


def test_long_rows_are_gymnasiums_as_well():
    """A whole row at once goes through vector instructions: the state after 200 steps, compared to 1e-12 a step."""
    ours = Compiled("CartPole-v1", 512, autoreset="next step")
    theirs = gymnasium.make_vec("CartPole-v1", num_envs=512, vectorization_mode="vector_entry_point")
    ours.reset(0)
    theirs.reset(seed=0)
    rng = np.random.default_rng(1)
    for _ in range(200):
        waiting = ours.ended.copy()
        theirs.state = ours.values.copy()
        theirs.prev_done, theirs.steps = waiting.copy(), ours.steps.astype(np.int32)
        actions = rng.integers(0, 2, 512)
        stepped = ours.step(actions)
        seen, reward, terminated, truncated, _ = theirs.step(actions)
        assert (stepped.counts == ~waiting).all()
        np.testing.assert_array_equal(stepped.terminated, terminated)
        np.testing.assert_array_equal(stepped.truncated, truncated)
        np.testing.assert_array_equal(stepped.reward, reward)
        on = ~waiting  # beginnings are drawn by other generators
        np.testing.assert_allclose(ours.values[:, on], theirs.state[:, on], rtol=0, atol=1e-12)
        np.testing.assert_allclose(stepped.observation[on], seen[on], rtol=0, atol=1e-6)


def test_a_pole_far_down_is_gymnasiums_too():
    ours, theirs = Compiled("CartPole-v1", 2), gymnasium.make("CartPole-v1").unwrapped
    theirs.reset(seed=0)
    ours.values[:] = np.array([[0.1, 0.2], [0.3, 0.1], [2.5, 0.1], [-1.0, 0.5]])
    theirs.state = ours.values[:, 0].copy()
    seen, _, terminated, _, _ = theirs.step(1)
    stepped = ours.step(np.array([1, 1]))
    np.testing.assert_allclose(stepped.final[0], seen, atol=1e-6)
    assert terminated
    assert stepped.terminated[0]


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_episode_is_truncated_at_its_limit_and_begins_anew(name):
    environments = Compiled(name, 3, limit=7)
    environments.reset(1)
    for step in range(1, 8):
        stepped = environments.step(actions_of(environments, np.random.default_rng(step), 3))
    assert stepped.truncated.all()
    assert (environments.steps == 0).all()
    assert (np.abs(stepped.observation - stepped.final).max(axis=1) > 0).all()
    low, high = np.array(RULES[name].low), np.array(RULES[name].high)
    assert (np.clip(environments.values.T, low, high) == environments.values.T).all()


@pytest.mark.parametrize("name", sorted(RULES))
def test_goes_on_from_its_state_to_the_same_bits(name):
    one, other, rng = Compiled(name, 5), Compiled(name, 5), np.random.default_rng(0)
    one.reset(8)
    for _ in range(60):
        one.step(actions_of(one, rng, 5))
    seen = other.restore(one.state())
    np.testing.assert_array_equal(seen, one.observed())
    for _ in range(60):
        actions = actions_of(one, rng, 5)
        for mine, yours in zip(one.step(actions), other.step(actions), strict=True):
            np.testing.assert_array_equal(mine, yours)


def test_beginnings_differ_by_environment_and_episode_and_are_uniform():
    environments = Compiled("CartPole-v1", 5000)
    first = environments.reset(0).copy()
    assert len(np.unique(first)) > 19_900
    assert not np.array_equal(first, environments.reset(1))
    np.testing.assert_array_equal(first, environments.reset(0))
    shares = (first.astype(float) + 0.05) / 0.1
    assert abs(shares.mean() - 0.5) < 4 * math.sqrt(1 / 12 / shares.size)
    assert abs(np.corrcoef(shares.T) - np.eye(4)).max() < 0.06


def test_actions_that_are_none_are_refused_in_a_line():
    environments = Compiled("CartPole-v1", 2)
    with pytest.raises(ValueError, match=r"an action \(=2\) must be from 0 to 1"):
        environments.step(np.array([0, 2]))
    with pytest.raises(ValueError, match="must be 2 whole numbers"):
        environments.step(np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="not finite"):
        Compiled("Pendulum-v1", 1).step(np.array([[np.nan]]))


def test_the_cars_sensors_see_the_walls():
    """In the middle of the road both sides are half its width away, up to the bend of the walls' corners."""
    environments = Compiled("Track", 1)
    environments.values[:, 0] = 24.0, 0.0, math.pi / 2
    seen = environments.observed()[0] * 8.0
    assert seen[0] == pytest.approx(4.0, abs=0.15)
    assert seen[-1] == pytest.approx(4.0, abs=0.15)
    assert seen.max() <= 8.0
    environments.values[0, 0] = 27.0  # a metre from the outer wall, which lies to its right
    assert environments.observed()[0, 0] * 8.0 == pytest.approx(1.0, abs=0.15)


def test_a_car_that_does_not_steer_crashes():
    environments = Compiled("Track", 4)
    environments.reset(0)
    for _ in range(100):
        stepped = environments.step(np.ones(4, dtype=np.int64))
        if stepped.terminated.any():
            break
    assert stepped.reward[stepped.terminated].tolist() == [-20.0] * stepped.terminated.sum()
