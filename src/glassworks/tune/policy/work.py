"""The `Work` of the methods that learn from completions: ppo, grpo and its variants, rloo, reinforce_pp."""

import copy
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from glassworks.core.progress import tell
from glassworks.data.dialogues.rows import Row
from glassworks.data.dialogues.tokens import messages_of
from glassworks.optim.groups import make_optimizer
from glassworks.train.fit import Every
from glassworks.train.pace import Often
from glassworks.train.work import Work
from glassworks.tune import network
from glassworks.tune.material import Material
from glassworks.tune.policy.algorithms import ALGORITHMS, loss_of
from glassworks.tune.policy.draw import Prompt, write
from glassworks.tune.policy.look import should_stop, standing
from glassworks.tune.policy.rollouts import Rollouts
from glassworks.tune.policy.values import WithValues, policy_of
from glassworks.tune.rewards.ask import Reward, ask
from glassworks.tune.rewards.named import make_reward

LOOKED_AT, SHOWN, EVALUATIONS = 64, 4, 10
"""Held-out prompts of a look on the way; those that samples.jsonl follows; looks of a run."""


def work(material: Material) -> Work:
    """What a method that learns from completions does."""
    recipe, place = material.recipe, material.place
    algorithm = ALGORITHMS[recipe.method]
    reward, gold = rewards_of(material)
    beta = algorithm.beta if recipe.beta is None else recipe.beta
    rollouts = Rollouts(
        list(prompts_of(material, material.examples.train)),
        reward,
        algorithm,
        material.base.tokenizer,
        material.base.model,
        batch_size=recipe.batch_size,
        group=recipe.group or algorithm.group,
        epochs=recipe.epochs or algorithm.epochs,
        max_tokens=fitting(material),
        temperature=recipe.temperature,
        beta=beta,
        seed=recipe.seed,
        gold=gold,
        run=material.run,
        place=place,
    )

    def build(device: torch.device, dtype: torch.dtype) -> tuple[nn.Module, torch.optim.Optimizer]:
        policy, optimizer = network.build(material, device, dtype)
        rollouts.model = policy
        if device.type != "cpu":
            rollouts.reference = copy.deepcopy(material.base.model).to(device)
        if algorithm.has_values:
            rollouts.model = WithValues(policy_of(policy))
            optimizer = make_optimizer(rollouts.model, recipe.optimizer, dtype=dtype, seed=recipe.seed)
        return rollouts.model, optimizer

    looks = Looks(material, rollouts, reward, gold)
    return Work(
        build=build,
        batches=rollouts,
        loss_fn=loss_of(algorithm, beta=beta, longest=fitting(material), temperature=recipe.temperature),
        watch=looks.watch,
        sample=looks.sample,
        keep=looks.keep,
        stored=(lambda model: model) if algorithm.has_values else partial(network.stored, material),
        done=looks.done if recipe.stop_kl is not None or recipe.stop_fall else None,
        width=material.base.model.config.n_embd,
        one_shape=False,
        evaluations=EVALUATIONS,
    )


def rewards_of(material: Material) -> tuple[Reward, Reward | None]:
    """The reward that is learned, and the one that is only looked at."""
    recipe = material.recipe
    rows = [*material.examples.train, *material.examples.held_out]
    answers = {shown(row): row["completion"] for row in rows if isinstance(row.get("completion"), str)}
    if recipe.reward is None:
        raise ValueError(f"method (={recipe.method!r}) learns from a reward: give one, such as reward arithmetic")
    return make_reward(recipe.reward, answers), None if recipe.gold is None else make_reward(recipe.gold, answers)


def fitting(material: Material) -> int:
    """Tokens of a completion, if they leave room for a prompt; ValueError where they do not."""
    most = material.base.model.config.n_ctx
    if material.recipe.max_tokens >= most:
        raise ValueError(
            f"max_tokens (={material.recipe.max_tokens}) leaves no room for a prompt in the model's context ({most}): "
            "give fewer"
        )
    return material.recipe.max_tokens


def prompts_of(material: Material, rows: list[Row]) -> Iterator[Prompt]:
    """The prompts of some examples, each once."""
    seen: dict[str, Any] = {shown(row): row["prompt"] for row in rows}
    for text, prompt in seen.items():
        yield Prompt(text, tuple(material.writer.prompt(prompt)))


def shown(row: Row) -> str:
    """A prompt as it is shown, and told to a reward: a text as it is, of messages what they say."""
    prompt = row["prompt"]
    return prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in messages_of(prompt))


class Looks:
    """What is looked at on the way."""

    def __init__(self, material: Material, rollouts: Rollouts, reward: Reward, gold: Reward | None) -> None:
        self.material, self.rollouts, self.reward, self.gold = material, rollouts, reward, gold
        self.prompts = list(prompts_of(material, material.examples.held_out))
        self.reason: str | None = None

    def watch(self, judged: nn.Module, often: Often) -> Every:
        """The numbers of each rollout, and a look at held-out prompts now and then."""
        return [(1, lambda step, _: self.rollouts.numbers), (often, partial(self.validate, judged))]

    def validate(self, judged: nn.Module, step: int, _: nn.Module) -> Mapping[str, float]:
        """How the policy stands on held-out prompts."""
        recipe = self.material.recipe
        found = standing(
            policy_of(judged),
            self.rollouts.reference,
            self.material.base.tokenizer,
            self.prompts[:LOOKED_AT],
            self.reward,
            self.gold,
            max_tokens=recipe.max_tokens,
            temperature=recipe.temperature,
            seed=recipe.seed,
        ).numbers()
        gold = f", gold {found['val_gold']:.3f}" if "val_gold" in found else ""
        tell(f"step {step:,}: held-out reward {found['val_reward']:.3f}{gold}, {found['val_kl']:.2f} nats away")
        past = [] if self.material.run is None else self.material.run.rows("metrics")
        self.reason = should_stop([*past, found], stop_kl=recipe.stop_kl, stop_fall=recipe.stop_fall)
        return found

    def done(self) -> str | None:
        """Why the run should stop, if it should."""
        return self.reason

    def sample(self, step: int, judged: nn.Module) -> list[dict[str, Any]]:
        """What the policy writes after the first held-out prompts, and what that is worth."""
        recipe = self.material.recipe
        written = write(
            policy_of(judged),
            self.material.base.tokenizer,
            self.prompts[:SHOWN],
            max_tokens=recipe.max_tokens,
            temperature=recipe.temperature,
            seed=recipe.seed,
        )
        texts = [one.prompt.text for one in written], [one.text for one in written]
        rows: list[dict[str, Any]] = [{"prompt": prompt, "text": text} for prompt, text in zip(*texts, strict=True)]
        for name, reward in (("reward", self.reward), ("gold", self.gold)):
            if reward is not None:
                for row, value in zip(rows, ask(reward, *texts).values.tolist(), strict=True):
                    row[name] = value if value == value else None
        return rows

    def keep(self, judged: nn.Module) -> None:
        """Write the finished policy; its values go."""
        assert self.material.run is not None
        network.keep(self.material, self.material.run.path, policy_of(judged))
