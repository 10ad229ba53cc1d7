"""Ensemble Kalman inversion: an ensemble of networks, moved by how their outputs go with their weights.

Targets are noisy observations of outputs, and the ensemble stands for what is believed of the weights. Of J members u_j
with outputs g_j, deviations A = (u_j - mean) / sqrt(J - 1) and S = (g_j - mean) / sqrt(J - 1), each moves by Kalman's
gain, written with J × J matrices alone:

    u_j <- u_j + lr A' (I + S H S')^-1 S r_j          r_j = H (y + noise_j - g_j)

of numbers:  H = 1 / noise^2, normal noise: Kalman's rule itself, exact for linear networks as J grows
of classes:  r_j = (onehot(y) - softmax(g_j) + noise_j) / noise^2, H the covariance of a label under the mean prediction
             and noise_j a label drawn from it, less its mean: Gauss-Newton's step on the cross-entropy

and the deviations are inflated, A <- sqrt(1 - inflation) A + sqrt(inflation) sigma e. Without that all members stay in
the span of the first ones (J - 1 directions); with inflation 1 they are drawn anew around the mean in every step.

Source: Kovachki & Stuart 2018 (https://arxiv.org/abs/1808.03620), sections 3.1 to 3.3, whose labels are observed
through a softmax, too; perturbed observations as Burgers et al. 1998. Limits: what is lowered is the misfit above: a
loss's own weights of classes, or smoothing, count for nothing; J directions a step are few among many weights.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.room import check_room
from glassworks.optim.rules.batch import read_batch
from glassworks.optim.rules.rule import Rule


class EnsembleKalman(Rule):
    """Any module; outputs are logits (B, K) where targets are classes, otherwise as targets are.

    Args:
        model: the ensemble's mean.
        lr: the share of Kalman's step that is taken.
        sigma: standard deviation of the members' weights about the mean.
        population: members.
        noise: of an observation: of numbers as a share of the batch's standard deviation, of classes the square root
            of how many labels count as one. Less is quicker, and too little lets wide networks overshoot.
        inflation: the share of the members' variance that is drawn anew after each step.
        seed: of members and noise, which are functions of it and the step.
    """

    name = "ensemble_kalman"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 1.0,
        sigma: float = 0.02,
        population: int = 64,
        noise: float = 1.0,
        inflation: float = 1.0,
        seed: int = 0,
    ) -> None:
        if population < 2:
            raise ValueError(f"population (={population}) must be 2 or more")
        for name, value in (("sigma", sigma), ("noise", noise)):
            if not value > 0:
                raise ValueError(f"{name} (={value}) must be above 0")
        if not 0 <= inflation <= 1:
            raise ValueError(f"inflation (={inflation}) must be from 0 to 1")
        settings = {"sigma": sigma, "population": population, "noise": noise, "inflation": inflation}
        super().__init__(model, lr=lr, seed=seed, **settings)
        vector.check_weights(self.weights)
        check_room(population, vector.read(self.weights), in_parts=False)
        self.memory["forwards"] = 0

    @torch.no_grad()
    def teach(self, closure: Any) -> Tensor:
        """Ask all members, then move the mean and them."""
        batch = read_batch(closure, self.model, self.name)
        loss = batch.loss(self.model(batch.inputs))
        mean, deviations = vector.read(self.weights), self.deviations()
        outputs = self.outputs(batch.inputs, mean, deviations)
        whole = outputs.flatten(1).isfinite().all(1)  # (J,)
        self.memory["forwards"] += 1 + len(deviations)
        self.last = {"failed": float((~whole).sum()), "forwards": float(self.memory["forwards"])}
        if whole.sum() > 1:
            generator = self.generator(1, self.memory["steps"])
            shares = kalman(outputs[whole], batch.targets, self.settings["noise"], generator).to(mean)  # (J, J)
            sound = deviations[whole] if not whole.all() else deviations
            sound = sound - sound.mean(0)
            mean += self.settings["lr"] * shares.mean(0) @ sound
            if self.settings["inflation"] < 1:
                deviations[whole] = sound + self.settings["lr"] * (shares - shares.mean(0)) @ sound
        if self.settings["inflation"] < 1:
            self.memory["deviations"] = deviations
        vector.write(mean, self.weights)
        return loss

    def deviations(self) -> Float[Tensor, "J D"]:
        """The members less their mean, inflated."""
        like, inflation = vector.read(self.weights), self.settings["inflation"]
        shape = self.settings["population"], len(like)
        drawn = torch.randn(shape, generator=self.generator(0, self.memory["steps"]), dtype=like.dtype)
        drawn = drawn.mul_(self.settings["sigma"]).to(like.device)
        kept = self.memory.get("deviations")
        if kept is None:
            return drawn
        inflated: Tensor = math.sqrt(1 - inflation) * kept + math.sqrt(inflation) * drawn
        return inflated

    def outputs(
        self, inputs: Float[Tensor, "B ..."], mean: Float[Tensor, " D"], deviations: Float[Tensor, "J D"]
    ) -> Float[Tensor, "J B ..."]:
        """What each member says, with the same random numbers for all; buffers stay as they were."""
        centred = deviations - deviations.mean(0)
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        devices = [inputs.device] if inputs.device.type == "cuda" else []
        found = []
        for member in centred:
            vector.write(mean + member, self.weights)
            with torch.random.fork_rng(devices=devices):
                found.append(self.model(inputs).float())
            for buffer, before in buffers:
                buffer.copy_(before)
        vector.write(mean, self.weights)
        return torch.stack(found)


def kalman(
    outputs: Float[Tensor, "J B ..."], targets: Tensor, noise: float, generator: torch.Generator
) -> Float[Tensor, "J J"]:
    """How much of each deviation each member takes: row j are those of member j."""
    outputs = outputs.double()
    members = len(outputs)
    if targets.dtype.is_floating_point:
        outputs = outputs.reshape(members, *targets.shape)
        wide = targets.double()
        size = noise * float(wide.std(correction=0) or 1.0)
        drawn = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype).to(outputs.device)
        told = (wide + size * (drawn - drawn.mean(0)) - outputs) / size**2
        scaled = deviations_of(outputs)
        curved = scaled / size**2
    else:
        outputs, targets = outputs[:, targets >= 0], targets[targets >= 0]  # others are left out by the loss, too
        shares = outputs.softmax(-1)
        middle = shares.mean(0)  # (B, K)
        labels = torch.multinomial(middle.cpu().flatten(0, -2), members, replacement=True, generator=generator)
        drawn = F.one_hot(labels.T, middle.size(-1)).to(middle).view_as(outputs)
        told = F.one_hot(targets, middle.size(-1)) - shares + noise * (drawn - drawn.mean(0))
        told = told / noise**2
        scaled = deviations_of(outputs)
        curved = middle * (scaled - (middle * scaled).sum(-1, keepdim=True)) / noise**2
    flat, bent, wanted = (x.flatten(1) for x in (scaled, curved, told))
    gain = torch.eye(members, dtype=flat.dtype, device=flat.device) + flat @ bent.T
    taken: Tensor = torch.linalg.solve(gain, flat @ wanted.T).T / math.sqrt(members - 1)
    return taken


def deviations_of(outputs: Float[Tensor, "J ..."]) -> Float[Tensor, "J ..."]:
    """S."""
    return (outputs - outputs.mean(0)) / math.sqrt(len(outputs) - 1)
