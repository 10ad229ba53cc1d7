"""gymnasium's environments as ours: spaces of all kinds, both ways of beginning anew, and what goes wrong in them."""

import numpy as np
import pytest

from glassworks.core.errors import RunError
from glassworks.data.environments.foreign import Foreign, space_of
from glassworks.data.environments.open import open_environments, what_is
from glassworks.data.environments.spaces import Discrete, flat, in_words

gymnasium = pytest.importorskip("gymnasium")
spaces, AutoresetMode = gymnasium.spaces, gymnasium.vector.AutoresetMode


class Strange(gymnasium.Env):
    """Shows a dictionary; may crash, say what is no number, or go on for ever."""

    observation_space = spaces.Dict(
        {"at": spaces.Discrete(3, start=1), "speeds": spaces.Box(-1, 1, (2,)), "bits": spaces.MultiBinary(2)}
    )
    action_space = spaces.Discrete(2, start=5)

    def __init__(self, crashes: int = -1, lasts: int = 3, value: float = 1.0):
        self.crashes, self.lasts, self.value = crashes, lasts, value

    def seen(self):
        speeds = np.array([self.steps / 10, 0.5], dtype=np.float32)
        return {"at": 1 + self.steps % 3, "speeds": speeds, "bits": np.array([0, 1], dtype=np.int8)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.seen(), {}

    def step(self, action):
        assert action in (5, 6)
        self.steps += 1
        if self.steps == self.crashes:
            raise ZeroDivisionError("the engine is on fire")
        return self.seen(), self.value, self.steps >= self.lasts, False, {}


def several(mode: object, number: int = 2, **how: object) -> Foreign:
    """Some of them, which begin anew in one of gymnasium's ways."""
    made = gymnasium.vector.SyncVectorEnv([lambda: Strange(**how)] * number, autoreset_mode=mode)
    return Foreign("strange", number, environments=made)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_dictionary_is_a_row_and_both_ways_of_beginning_anew_are_told_alike(mode):
    environments = several(mode)
    first = environments.reset(0)
    assert first.tolist() == [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5]] * 2
    assert "at: 1 of 3" in in_words(environments.observation)
    last = [environments.step(np.array([0, 1])) for _ in range(3)][-1]
    assert last.terminated.all()
    assert last.final[0].tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0, 1.0, 0.3, 0.5])
    after = environments.step(np.array([0, 1]))
    waits = mode is AutoresetMode.NEXT_STEP
    assert after.counts.all() != waits
    assert after.observation[0, 5] == pytest.approx(0.0 if waits else 0.1)


def test_what_a_strangers_environment_does_wrong_is_one_line():
    with pytest.raises(RunError, match=r"strange could not take a step \(ZeroDivisionError: the engine is on fire\)"):
        several(AutoresetMode.SAME_STEP, crashes=1).step(np.array([0, 0]))
    with pytest.raises(RunError, match="not finite"):
        several(AutoresetMode.SAME_STEP, value=float("nan")).step(np.array([0, 0]))
    with pytest.raises(ValueError, match="does not begin anew"):
        several(AutoresetMode.DISABLED)


def test_names_that_are_none_are_refused_with_what_is_near():
    with pytest.raises(ValueError, match="did you mean CartPole-v1"):
        open_environments("env:CartPol-v1", 1)
    with pytest.raises(ValueError, match="names no environment"):
        open_environments("env:", 1)
    with pytest.raises(ValueError, match="n_envs"):
        open_environments("env:CartPole-v1", 0)


@pytest.mark.parametrize("name", ["CartPole-v1", "MountainCarContinuous-v0", "gymnasium/Acrobot-v1"])
def test_goes_on_to_the_same_bits_by_doing_the_same_again(name):
    one, other = Foreign(name.removeprefix("gymnasium/"), 3), Foreign(name.removeprefix("gymnasium/"), 3)
    rng = np.random.default_rng(0)

    def actions() -> np.ndarray:
        if isinstance(one.actions, Discrete):
            return rng.integers(0, one.actions.n, 3)
        return rng.normal(size=(3, 1)).astype(np.float32)

    one.reset(4)
    for _ in range(50):
        last = one.step(actions())
    np.testing.assert_array_equal(other.restore(one.state()), last.observation)
    for _ in range(50):
        given = actions()
        for mine, yours in zip(one.step(given), other.step(given), strict=True):
            np.testing.assert_array_equal(mine, yours)


def test_all_begin_anew_once_many_actions_are_kept(monkeypatch):
    monkeypatch.setattr("glassworks.data.environments.foreign.KEPT", 4)
    environments = Foreign("CartPole-v1", 2)
    environments.reset(0)
    steps = [environments.step(np.array([0, 1])) for _ in range(4)]
    assert not steps[2].truncated.any()
    assert steps[3].truncated.all()
    assert not np.array_equal(steps[3].observation, steps[3].final)
    assert environments.state()["steps"] == 0


def test_a_named_environment_is_ours_where_it_is_and_gymnasiums_where_that_is_asked_for():
    assert "a cart balances a pole" in what_is(open_environments("env:CartPole-v1", 1))
    assert "by gymnasium" in what_is(open_environments("env:gymnasium/CartPole-v1", 1))
    assert "cliff" in what_is(open_environments("env:Cliff", 1))


def test_several_numbers_at_once_are_rows():
    assert flat(space_of(spaces.MultiDiscrete([2, 3]), "x"), np.array([[1, 2], [0, 0]]), 2).tolist() == [
        [0, 1, 0, 0, 1],
        [1, 0, 1, 0, 0],
    ]
