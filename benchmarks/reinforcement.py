"""How fast agents learn and environments step, beside stable-baselines3 and gymnasium; one thread each.

    python benchmarks/reinforcement.py cartpole           # PPO to a mean return of 475, seeds 0 to 4
    python benchmarks/reinforcement.py environments       # steps a second of environments alone

CartPole: both act through gymnasium's own environments. Both are looked at after every 1,024 steps: 100 episodes of the
likeliest actions, of the same beginnings, until they return 475 on the mean; that look is not counted, and building is.
stable-baselines3 has the zoo's settings; ours are the recipe `cartpole`. Needs benchmarks/requirements-rl.txt.
"""

import argparse
import time
from contextlib import suppress

import numpy as np
import torch

from glassworks.agents.play import by_policy, play
from glassworks.agents.recipe import PolicyRecipe
from glassworks.agents.run import Practice, loss_of, shape_for
from glassworks.data.environments.compiled import Compiled
from glassworks.data.environments.foreign import Foreign
from glassworks.data.environments.open import open_environments
from glassworks.train.fit import Interrupted, fit
from glassworks.train.recipes import find_recipe, read_recipe

LOOK, EPISODES, GOAL, MOST = 1024, 100, 475.0, 200_000
"""Steps of environments between looks; episodes of a look; what solves CartPole; steps after which we give up."""


class Watch:
    """Wall and processor time, without what is done in `looking`."""

    def __init__(self) -> None:
        self.wall, self.cpu, self.solved_at = -time.perf_counter(), -time.process_time(), 0
        self.test = open_environments("env:CartPole-v1", EPISODES)

    def look(self, choose, steps: int) -> bool:
        """Whether 100 episodes return 475 on the mean."""
        self.stop()
        if play(choose, self.test, 99).returns.mean() >= GOAL:
            self.solved_at = steps
        self.wall, self.cpu = self.wall - time.perf_counter(), self.cpu - time.process_time()
        return self.solved_at > 0

    def stop(self) -> None:
        """Count up to now."""
        self.wall, self.cpu = self.wall + time.perf_counter(), self.cpu + time.process_time()


def ours(seed: int) -> Watch:
    """The recipe `cartpole`, in gymnasium's own vector environment."""
    recipe = read_recipe(find_recipe("cartpole"), PolicyRecipe)
    watch = Watch()
    changes = {"data": "env:gymnasium/CartPole-v1", "seed": seed, "model": shape_for(recipe, watch.test)}
    recipe = PolicyRecipe(**{**vars(recipe), **changes})
    practice = Practice(recipe)
    agent, optimizer = practice.build(torch.device("cpu"), torch.float32)

    def look(step: int, model: torch.nn.Module) -> dict[str, float]:
        steps = int(agent.tally.get("steps"))
        if not watch.solved_at and steps < MOST:
            watch.look(by_policy(agent.policy, watch.test.actions), steps)
        return {}

    with suppress(Interrupted):
        fit(
            agent,
            practice.batch,
            loss_of(recipe),
            optimizer,
            steps=10**6,
            every=[(recipe.uses * max(1, LOOK // recipe.collected), look)],
            stop=lambda: bool(watch.solved_at) or int(agent.tally.get("steps")) >= MOST,
            log_every=10**6,
        )
    watch.stop()
    practice.close()
    return watch


def theirs(seed: int) -> Watch:
    """stable-baselines3's PPO by the settings of its zoo (rl-baselines3-zoo, hyperparams/ppo.yml, CartPole-v1)."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env

    watch = Watch()

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            return not watch.solved_at

        def _on_rollout_end(self) -> None:
            """Before what was collected is learned from: the policy as the updates before left it."""
            if self.num_timesteps % LOOK == 0:
                watch.look(lambda seen, step: self.model.predict(seen, deterministic=True)[0], self.num_timesteps)

    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", 8, seed=seed),
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gamma=0.98,
        gae_lambda=0.8,
        ent_coef=0.0,
        learning_rate=lambda left: left * 0.001,
        clip_range=lambda left: left * 0.2,
        seed=seed,
        device="cpu",
    )
    model.learn(100_000, callback=Look())
    watch.stop()
    return watch


def cartpole(seeds: list[int]) -> None:
    """Both to the goal, turn by turn."""
    ours(0)  # loops are compiled, and kernels loaded, before anything is counted
    found: dict[str, list[Watch]] = {"ours": [], "stable-baselines3": []}
    for seed in seeds:
        for name, run in (("ours", ours), ("stable-baselines3", theirs)):
            one = run(seed)
            found[name].append(one)
            at = f"after {one.solved_at:,} steps" if one.solved_at else "never"
            print(f"seed {seed}  {name:18} {one.wall:6.2f} s wall  {one.cpu:6.2f} s of processor  475 {at}", flush=True)
    wall, cpu = (
        {name: np.mean([getattr(x, kind) for x in ones]) for name, ones in found.items()} for kind in ("wall", "cpu")
    )
    for kind, means in (("wall", wall), ("processor", cpu)):
        share = means["stable-baselines3"] / means["ours"]
        told = ", ".join(f"{name} {mean:.2f} s" for name, mean in means.items())
        print(f"mean {kind}: {told}, {share:.1f} times")
    print(f"solved: ours {sum(x.solved_at > 0 for x in found['ours'])} of {len(seeds)}")


def environments() -> None:
    """Random actions, steps a second of processor time."""
    for name in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0"):
        for number in (8, 64, 512, 4096):
            made = {"ours": Compiled(name, number)}
            if number <= 512 or name == "CartPole-v1":
                made["gymnasium"] = Foreign(name, number)
            speeds = {kind: speed(one, number) for kind, one in made.items()}
            told = "  ".join(f"{kind} {x / 1e6:8.2f} M/s" for kind, x in speeds.items())
            print(f"{name:15} {number:5}  {told}", flush=True)


def speed(environments, number: int) -> float:
    """Steps a second: the best of three."""
    rng, best = np.random.default_rng(0), 0.0
    actions = [rng.integers(0, environments.actions.n, number) for _ in range(16)]
    environments.reset(0)
    for _ in range(3):
        began, steps = time.process_time(), 0
        while time.process_time() - began < 0.3:
            for one in actions:
                environments.inner.step(one) if isinstance(environments, Foreign) else environments.step(one)
            steps += number * len(actions)
        best = max(best, steps / (time.process_time() - began))
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cartpole", "environments"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cartpole(chosen.seeds) if chosen.what == "cartpole" else environments()
