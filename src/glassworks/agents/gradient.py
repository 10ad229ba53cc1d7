"""Methods that follow the policy's gradient: PPO, actor-critic and REINFORCE, each as the batch and loss of a step.

All take their advantages from `objectives.policy`, as tuning of text does.

    ppo           N × T steps, learned from several times in portions, by the clipped ratio    (Schulman et al. 2017)
    actor_critic  N × T steps, learned from once                                               (Mnih et al. 2016)
    reinforce     N whole episodes, learned from once; values are the baseline                 (Williams 1992)
"""

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.agents.acting import DRAWN, SHUFFLED, as_taken, chosen, generator, noise_for, scorer
from glassworks.agents.fused import Weighing, fused, is_plain
from glassworks.agents.memory import Acting, Agent, Tally
from glassworks.agents.recipe import PolicyRecipe
from glassworks.agents.rollout import Collected, collect, judged
from glassworks.core.errors import RunError
from glassworks.data.environments.vector import Stepped
from glassworks.models.policy.network import logprobs_of
from glassworks.objectives.losses import LossFn, Summed
from glassworks.objectives.policy.advantages import whiten
from glassworks.objectives.policy.kl import k3
from glassworks.objectives.policy.ppo import clipped_policy_loss, clipped_value_loss
from glassworks.objectives.policy.reinforce import policy_gradient_loss

MOST = 100_000
"""Steps of an episode that REINFORCE waits for."""


def begin_collected(recipe: PolicyRecipe, agent: Agent) -> None:
    """Room for what will be collected."""
    rows, config = recipe.collected, agent.policy.config
    actions = torch.zeros(rows, config.actions) if config.continuous else torch.zeros(rows, dtype=torch.int64)
    numbers = {name: torch.zeros(rows) for name in ("logprobs", "values", "advantages", "returns")}
    counts = torch.zeros(rows, dtype=torch.bool)
    for name, value in {"observed": torch.zeros(rows, config.observed), "actions": actions, **numbers}.items():
        agent.collected.keep(name, value)
    agent.collected.keep("counts", counts)


def ppo_batch(recipe: PolicyRecipe, acting: Acting, step: int) -> Collected:
    """A portion of what was collected, which is collected anew once it was learned from often enough."""
    agent, uses = acting.agent, recipe.uses
    if step % uses == 0:
        gamma, lam = recipe.own("gamma"), recipe.own("lam")
        found = collect(agent.policy, acting, recipe.own("n_steps"), step // uses, recipe.seed, gamma, lam)
        found = found._replace(advantages=whiten(found.advantages, found.counts))
        for name, value in found._asdict().items():
            agent.collected.keep(name, value)
    epoch, portion = divmod(step % uses, recipe.collected // recipe.batch_size)
    order = generator(recipe.seed, SHUFFLED, step // uses, epoch).permutation(recipe.collected)
    chosen_rows = torch.from_numpy(order[portion * recipe.batch_size : (portion + 1) * recipe.batch_size])
    return Collected(*(agent.collected.get(name)[chosen_rows] for name in Collected._fields))


def actor_critic_batch(recipe: PolicyRecipe, acting: Acting, step: int) -> Collected:
    """Everything that was just collected."""
    gamma, lam = recipe.own("gamma"), recipe.own("lam")
    return collect(acting.agent.policy, acting, recipe.own("n_steps"), step, recipe.seed, gamma, lam)


@torch.no_grad()
def reinforce_batch(recipe: PolicyRecipe, acting: Acting, step: int) -> Collected:
    """A whole episode in each environment, from its beginning; what came after each step, less what it is worth.

    Raises: RunError for episodes that do not end.
    """
    policy, environments = acting.agent.policy, acting.environments
    rng, tally = generator(recipe.seed, DRAWN, step), Tally(acting.agent)
    tally.arrays["returns"][:], tally.arrays["lengths"][:] = 0, 0
    observed = environments.reset(int(rng.integers(2**31)))
    on = np.ones(environments.number, dtype=np.bool_)
    seen, taken, stepped, say = [observed], list[np.ndarray](), list[Stepped](), scorer(policy)
    while on.any():
        if len(stepped) == MOST:
            raise RunError(f"{environments.name}: an episode has not ended after {MOST:,} steps: take another method")
        actions = chosen(policy, say(observed), noise_for(rng, policy, environments.number))
        one = environments.step(as_taken(environments.actions, actions))
        one = one._replace(
            counts=one.counts & on, reward=one.reward * on, terminated=one.terminated & on, truncated=one.truncated & on
        )
        tally.count(one)
        on &= ~one.done
        observed = one.observation
        seen.append(observed)
        taken.append(actions)
        stepped.append(one)
    tally.keep()
    found = judged(policy, seen, np.stack(taken), stepped, recipe.own("gamma"), lam=1.0)
    found = Collected(*(value[found.counts] for value in found))
    return found._replace(advantages=whiten(found.advantages))


def gradient_loss(recipe: PolicyRecipe, *, by_hand: bool = True) -> LossFn:
    """The loss of a batch: of the policy, of values, and less what entropy is worth.

    PPO's of a plain network is computed with its gradient at once (`fused.py`), unless `by_hand` is False.
    """
    weight, entropy_weight, ratio = recipe.value_weight, recipe.own("entropy"), recipe.method == "ppo"
    weighing = Weighing(recipe.clip_range, weight, entropy_weight)

    def loss(agent: nn.Module, batch: Collected) -> Summed:
        assert isinstance(agent, Agent)
        if by_hand and ratio and is_plain(agent.policy):
            total, told = fused(agent.policy, batch, weighing)
            return Summed(total, batch.counts.sum().clamp(min=1), told)
        said = agent(batch.observed)
        logprobs, entropy = logprobs_of(agent.policy, said.scores, batch.actions)
        beyond: Tensor | None = None
        if ratio:
            losses, beyond = clipped_policy_loss(logprobs, batch.logprobs, batch.advantages, low=recipe.clip_range)
        else:
            losses = policy_gradient_loss(logprobs, batch.advantages)
        errors, _ = clipped_value_loss(said.value, batch.values, batch.returns, clip=None)
        counts = batch.counts.to(losses.dtype)
        whole = losses + 2 * weight * errors - entropy_weight * entropy
        logs = {"value_loss": errors, "entropy": entropy}
        if beyond is not None:
            with torch.no_grad():
                logs |= {"kl": k3(batch.logprobs, logprobs), "clipped": beyond.to(losses.dtype)}
        sums = {name: (value.detach() * counts).sum() for name, value in logs.items()}
        return Summed((whole * counts).sum(), counts.sum().clamp(min=1), sums)

    return loss


BATCHES = {"ppo": ppo_batch, "actor_critic": actor_critic_batch, "reinforce": reinforce_batch}
"""The batch of a step, by the method: (recipe, acting, step)."""
