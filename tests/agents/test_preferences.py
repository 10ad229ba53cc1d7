"""Choices between clips: what a reward learns of them, where they go to be made, and what an agent makes of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from glassworks.agents.clips import (
    Clip,
    Preference,
    as_comparison,
    preferences_in,
    record,
    simulated_human,
)
from glassworks.agents.play import at_random
from glassworks.agents.preferences import (
    Reward,
    Rewarded,
    agreement,
    from_preferences,
    learn,
    most_disputed,
    stacked,
    sums,
)
from glassworks.agents.recipe import PolicyRecipe
from glassworks.data.choices.comparison import Choice
from glassworks.data.choices.store import Store
from glassworks.data.environments.compiled import Compiled
from glassworks.optim.config import OptimizerConfig, ScheduleConfig


def made(number: int, length: int = 6, seed: int = 0) -> list[Clip]:
    """Clips of noise, whose reward is their first number."""
    rng = np.random.default_rng(seed)
    clips = []
    for _ in range(number):
        seen = rng.normal(size=(length, 3)).astype(np.float32)
        clips.append(Clip(seen, rng.normal(size=(length, 1)).astype(np.float32), seen[:, 0]))
    return clips


def preferences_of(clips: list[Clip], errors: float = 0.0) -> list[Preference]:
    pairs = list(zip(clips[::2], clips[1::2], strict=True))
    return [Preference(*pair, share) for pair, share in zip(pairs, simulated_human(errors)(pairs), strict=True)]


def test_a_reward_learns_what_is_preferred_though_one_answer_in_ten_is_wrong() -> None:
    reward = Reward(4)
    before = agreement(reward, preferences_of(made(400, seed=9)))
    learn(reward, preferences_of(made(1200), errors=0.1), steps=300)
    after = agreement(reward, preferences_of(made(400, seed=9)))
    assert before < 0.65
    assert after > 0.9
    steps = torch.from_numpy(made(1, 500, seed=4)[0].inputs)
    said = reward(steps).mean(1).detach().numpy()
    assert np.corrcoef(said, steps[:, 0].numpy())[0, 1] > 0.9


def test_clips_of_other_lengths_are_worth_what_their_own_steps_are() -> None:
    reward, (long,) = Reward(4), made(1, 9)
    short = Clip(long.observed[:4], long.actions[:4], long.rewards[:4])
    both = sums(reward, *stacked([long, short]))
    torch.testing.assert_close(both[1], reward(torch.from_numpy(short.inputs)).sum(0))


def test_what_is_asked_first_is_what_the_ensemble_disagrees_on() -> None:
    reward, clips = Reward(4), made(60)
    pairs = list(zip(clips[::2], clips[1::2], strict=True))
    first = most_disputed(reward, pairs, 5)
    spread = [(sums(reward, *stacked([a])) - sums(reward, *stacked([b]))).sigmoid().var().item() for a, b in pairs]
    wanted = [pairs[i] for i in np.argsort(spread)[::-1][:5]]
    assert {id(pair[0]) for pair in first} == {id(pair[0]) for pair in wanted}


def test_a_simulated_human_errs_as_often_as_is_said_and_calls_equals_a_tie() -> None:
    clips = made(4000)
    shares = [one.share for one in preferences_of(clips, errors=0.1)]
    truth = [float(a.rewards.sum() > b.rewards.sum()) for a, b in zip(clips[::2], clips[1::2], strict=True)]
    assert np.mean(np.array(shares) != truth) == pytest.approx(0.1, abs=0.03)
    assert simulated_human(0.0)([(clips[0], clips[0])]) == [0.5]


def test_clips_are_steps_in_a_row_and_end_with_their_episode() -> None:
    environments = Compiled("CartPole-v1", 30)
    clips = record(at_random(environments.actions, 0), environments, 12, 3)
    assert len(clips) > 20
    assert 1 <= min(map(len, clips)) < max(map(len, clips)) == 12
    for clip in clips:
        assert clip.states is not None
        np.testing.assert_allclose(clip.observed, clip.states, atol=1e-6)
        assert (clip.actions.sum(1) == 1).all()


def test_clips_go_to_the_store_of_choices_as_drawings_and_come_back_as_preferences(tmp_path: Path) -> None:
    environments = Compiled("CartPole-v1", 4)
    clips = record(at_random(environments.actions, 0), environments, 10, 3)
    comparison = as_comparison("CartPole-v1", clips[0], clips[1])
    assert {option.kind for option in comparison.options} == {"clip"}
    store = Store(tmp_path / "choices.sqlite")
    (number,) = store.add([comparison])
    store.append([Choice("one", number, "me", "ranked", ((1,),)), Choice("two", number, "me", "tie")])
    ranked, tie = preferences_in(store.comparisons(), store.choices())
    store.close()
    assert (ranked.share, tie.share) == (0.0, 0.5)
    places = [np.array_equal(ranked.first.observed, clip.observed) for clip in clips[:2]]
    assert sum(places) == 1
    drawn = comparison.options[0].content["frames"]
    assert len(drawn) == len(ranked.first)
    with pytest.raises(ValueError, match="has no drawings"):
        as_comparison("Elsewhere", clips[0], clips[1])


def test_what_is_learned_from_is_never_the_environments_own_reward() -> None:
    inner = Compiled("Pendulum-v1", 3)
    reward = Reward(4)
    rewarded = Rewarded(inner, reward)
    seen = rewarded.reset(0)
    actions = np.array([[0.5], [-1.0], [2.0]], dtype=np.float32)
    stepped = rewarded.step(actions)
    said = reward(torch.from_numpy(np.concatenate([seen, actions], 1))).mean(1).detach().numpy()
    np.testing.assert_allclose(stepped.reward, said, atol=1e-6)


@pytest.mark.slow
def test_an_agent_learns_to_hold_a_pendulum_from_choices_alone() -> None:
    """From about -1,200 by chance: 150 choices, one in ten of them wrong, lead beyond -600."""
    recipe = PolicyRecipe(
        data="env:Pendulum-v1",
        n_envs=32,
        n_steps=64,
        epochs=8,
        batch_size=512,
        gamma=0.95,
        lam=0.95,
        steps=1600,
        optimizer=OptimizerConfig("adamw", lr=0.002, betas=(0.9, 0.999)),
        schedule=ScheduleConfig("wsd", decay=0.5),
    )
    learned = from_preferences(recipe, simulated_human(0.1), rounds=5)
    assert learned.rows[0]["return"] < -900
    assert learned.rows[-1]["return"] > -600
    assert learned.rows[-2]["asked"] == 150
