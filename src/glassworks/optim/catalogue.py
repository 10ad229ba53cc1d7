"""Every optimizer by its name: what it is, what a step costs, and when to take it. Imports no torch."""

import ast
import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["gradient", "search", "rule"]


@dataclass(frozen=True)
class Method:
    """An optimizer of the command line."""

    line: str
    """What it is, in one line, with whose."""
    forwards: str
    """What a step costs, in forward passes over the batch (a backward pass counts as two)."""
    memory: str
    """What it holds beside the weights, in copies of them."""
    when: str
    """When to take it, and when not: dimension, noise, budget, smoothness."""
    made_by: str = ""
    """module:class below glassworks.optim, called as cls(params, ...) for searches and cls(model, ...) for rules."""

    @property
    def kind(self) -> Kind:
        """Gradient = backpropagation; search = losses alone; rule = layer by layer, or other feedback."""
        if not self.made_by:
            return "gradient"
        return "rule" if self.made_by.startswith("rules.") else "search"


METHODS: dict[str, Method] = {
    "muon": Method(
        "Muon of hidden matrices, AdamW of the rest (Jordan et al. 2024)",
        "3",
        "1 to 2",
        "anything with a gradient and hidden matrices: fewest steps of the gradient methods",
    ),
    "adamw": Method(
        "AdamW (Loshchilov & Hutter 2019)",
        "3",
        "2",
        "anything with a gradient: the one to try first",
    ),
    "sgd": Method(
        "stochastic gradient descent with Nesterov's momentum (Nesterov 1983)",
        "3",
        "1",
        "networks whose layers are normalised, and where memory is short; its rate wants to be tuned",
    ),
    "feedback_alignment": Method(
        "errors go back through weights drawn once (Lillicrap et al. 2016)",
        "3",
        "3",
        "whether a network needs its own weights on the way back: shallow ones do not, deep convolutions do",
        "rules.feedback.feedback_alignment:FeedbackAlignment",
    ),
    "direct_feedback_alignment": Method(
        "the outputs' error goes to every layer at once, through weights drawn once (Nøkland 2016)",
        "3",
        "2 + outputs",
        "layers that are to learn at the same time: fully connected ones; convolutions learn little",
        "rules.feedback.direct_feedback_alignment:DirectFeedbackAlignment",
    ),
    "sign_symmetric": Method(
        "errors go back through the signs of the weights (Liao et al. 2016)",
        "3",
        "2",
        "as feedback_alignment, near backpropagation in deep convolutions, too",
        "rules.feedback.sign_symmetric:SignSymmetric",
    ),
    "forward_forward": Method(
        "each layer is busy for inputs with their label, quiet for wrong ones (Hinton 2022)",
        "7",
        "2",
        "multi-layer perceptrons for classes, whose layers are to learn by themselves",
        "rules.forward_forward:ForwardForward",
    ),
    "hebbian": Method(
        "hidden layers learn what is often in their inputs, by Oja's rule with competition (Oja 1982)",
        "2",
        "1",
        "features of unlabelled inputs in fully connected layers; stacked convolutions do better as they are drawn",
        "rules.hebbian:Hebbian",
    ),
    "extreme_learning_machine": Method(
        "ridge regression on the random features that the layers below the last are (Huang et al. 2006)",
        "1",
        "width squared",
        "an answer after one epoch, classes or numbers: shallow and wide; nothing below the last layer is learned",
        "rules.extreme_learning_machine:ExtremeLearningMachine",
    ),
    "openai_es": Method(
        "evolution strategies: antithetic, ranked, stepped by Adam (Salimans et al. 2017)",
        "population + 1",
        "population + 2",
        "thousands of weights, noisy losses, many machines",
        "gradient_free.evolution.openai_es:OpenAIES",
    ),
    "pgpe": Method(
        "policy gradients with parameter-based exploration: as openai_es, and a sigma a weight (Sehnke et al. 2010)",
        "population + 1",
        "population + 3",
        "as openai_es, where weights are of different scales",
        "gradient_free.evolution.pgpe:PGPE",
    ),
    "snes": Method(
        "separable natural evolution strategies: a sigma a weight, no step size to choose (Wierstra et al. 2014)",
        "population + 1",
        "population + 1",
        "tens to thousands of weights that hardly depend on each other; nothing to tune but the first sigma",
        "gradient_free.evolution.snes:SNES",
    ),
    "xnes": Method(
        "exponential natural evolution strategies: a covariance of all weights (Wierstra et al. 2014)",
        "population + 1",
        "weights + population",
        "2 to 100 weights that depend on each other; smooth, ill-conditioned losses",
        "gradient_free.evolution.xnes:XNES",
    ),
    "cma_es": Method(
        "evolution of a mean and a full covariance (Hansen 2016)",
        "population + 1",
        "D + population",
        "up to some hundred weights, or thousands where losses are cheap: valleys that lie askew, no scale known",
        "gradient_free.covariance.cma_es:CMAES",
    ),
    "sep_cma_es": Method(
        "CMA-ES that learns a variance for each weight (Ros & Hansen 2008)",
        "population + 1",
        "population + 4",
        "many weights of different scales that hardly depend on each other",
        "gradient_free.covariance.sep_cma_es:SepCMAES",
    ),
    "lm_cma_es": Method(
        "CMA-ES of a few directions (Loshchilov 2017)",
        "population + 1",
        "population + 6 ln D",
        "thousands of weights that depend on each other, more generations than weights",
        "gradient_free.covariance.lm_cma_es:LMCMAES",
    ),
    "genetic": Method(
        "a genetic algorithm: truncation, elite, mutation (Such et al. 2017)",
        "population + 1",
        "population + parents",
        "rugged losses, any number of weights; no step size is learned",
        "gradient_free.heuristics.genetic:Genetic",
    ),
    "differential_evolution": Method(
        "steps are differences between members (Storn & Price 1997)",
        "2 population + 1",
        "3 population",
        "up to a hundred weights: rugged losses, scales unknown",
        "gradient_free.heuristics.differential_evolution:DifferentialEvolution",
    ),
    "particle_swarm": Method(
        "particles drawn to the best places seen (Clerc & Kennedy 2002)",
        "2 population + 1",
        "5 population",
        "up to a hundred weights, along the axes: a rough answer soon",
        "gradient_free.heuristics.particle_swarm:ParticleSwarm",
    ),
    "simulated_annealing": Method(
        "worse neighbours are taken, too, while it is hot (Kirkpatrick et al. 1983)",
        "population + 1",
        "population + 1",
        "many small basins, few forward passes a step",
        "gradient_free.heuristics.simulated_annealing:SimulatedAnnealing",
    ),
    "hill_climbing": Method(
        "(1+1)-ES with the one-fifth rule (Rechenberg 1973)",
        "population + 1",
        "population + 1",
        "smooth losses with little noise, two forward passes a step",
        "gradient_free.heuristics.hill_climbing:HillClimbing",
    ),
    "random_search": Method(
        "the best of random places (Bergstra & Bengio 2012)",
        "population + 1",
        "population + 2",
        "what any other must beat; a few weights of which few matter",
        "gradient_free.heuristics.random_search:RandomSearch",
    ),
    "target_propagation": Method(
        "difference target propagation through learned inverses (Lee et al. 2015)",
        "5",
        "5",
        "chains of linear layers, to study targets in place of gradients: nearly AdamW a step, in twice its time",
        "rules.target_propagation:TargetPropagation",
    ),
    "predictive_coding": Method(
        "states settle between layers, each layer learns from its own error (Whittington & Bogacz 2017)",
        "3 inference + 4",
        "2 and states",
        "chains without batch norm: AdamW's accuracy a step, in three times its time",
        "rules.settling.predictive_coding:PredictiveCoding",
    ),
    "equilibrium_propagation": Method(
        "a network at rest is nudged both ways, weights learn the difference (Scellier & Bengio 2017)",
        "6 settling + 7",
        "2 and states",
        "chains without batch norm, networks that settle: AdamW's accuracy a step, in six times its time",
        "rules.settling.equilibrium_propagation:EquilibriumPropagation",
    ),
    "ensemble_kalman": Method(
        "ensemble Kalman inversion: an ensemble moved by how outputs go with weights (Kovachki & Stuart 2018)",
        "population + 1",
        "population",
        "any module whose targets are known and gradient is not: 84 % of MNIST where OpenAI's ES has 68",
        "rules.ensemble_kalman:EnsembleKalman",
    ),
    "spsa": Method(
        "gradients from pairs of losses, all weights moved at once (Spall 1992)",
        "population + 1",
        "population",
        "noisy losses and few evaluations; slow beyond some hundreds of weights, as a step's error grows with them",
        "gradient_free.spsa:SPSA",
    ),
    "mezo": Method(
        "a gradient from two losses, in place, its noise drawn again from a seed (Malladi et al. 2023)",
        "3",
        "0",
        "tuning a network that is trained already, where memory is for inference alone",
        "gradient_free.mezo:MeZO",
    ),
    "forward_gradient": Method(
        "the exact slope in a random direction, by one forward-mode pass (Baydin et al. 2022)",
        "2 population",
        "2",
        "smooth losses; a little less noise than mezo's, for a little less than its cost",
        "gradient_free.forward_gradient:ForwardGradient",
    ),
    "nelder_mead": Method(
        "a simplex that rolls downhill (Nelder & Mead 1965, factors of Gao & Han 2012)",
        "population + 1",
        "weights + 1",
        "up to some ten weights and an exact loss; refused beyond 1,000",
        "gradient_free.nelder_mead:NelderMead",
    ),
    "cobyqa": Method(
        "a quadratic model of the loss, trusted nearby (Ragonneau 2022), SciPy's",
        "population + 1",
        "2 weights",
        "up to a hundred weights and an exact, smooth loss: few evaluations; refused beyond 100",
        "gradient_free.trust_region:COBYQA",
    ),
    "bobyqa": Method(
        "Powell's quadratic models (2009), of Py-BOBYQA where that is installed",
        "population + 1",
        "2 weights",
        "as cobyqa, its successor; refused beyond 100 weights",
        "gradient_free.trust_region:BOBYQA",
    ),
}


def method_class(name: str) -> Any:
    """The class of a method that is made by one."""
    module, made = METHODS[name].made_by.split(":")
    return getattr(importlib.import_module(f"glassworks.optim.{module}"), made)


@cache
def signature(name: str) -> dict[str, Any]:
    """What the class of a method can be told by name, and its defaults, read off its source without importing it.

    >>> signature("openai_es")["sigma"]
    0.05
    """
    module, made = METHODS[name].made_by.split(":")
    spec = importlib.util.find_spec(f"glassworks.optim.{module}")
    assert spec is not None
    assert spec.origin is not None
    classes = {
        node.name: node
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    taken = next(part for part in classes[made].body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
    given = zip(taken.args.kwonlyargs, taken.args.kw_defaults, strict=True)
    return {one.arg: ast.literal_eval(default) for one, default in given if default is not None}
