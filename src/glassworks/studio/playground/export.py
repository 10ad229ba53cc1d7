"""What one takes away from the playground: the weights as JSON, and Python that makes the same network."""

import json
from typing import Any

from glassworks.studio.playground.experiment import Experiment
from glassworks.studio.playground.network import linears
from glassworks.studio.playground.settings import changed

TORCH = {
    "x1": "x[:, 0]",
    "x2": "x[:, 1]",
    "x1x1": "x[:, 0] ** 2",
    "x2x2": "x[:, 1] ** 2",
    "x1x2": "x[:, 0] * x[:, 1]",
    "sin1": "torch.sin(x[:, 0])",
    "sin2": "torch.sin(x[:, 1])",
}
FUNCTION = {"tanh": "torch.tanh", "relu": "torch.relu", "sigmoid": "torch.sigmoid", "sine": "torch.sin"}


def weights_json(experiment: Experiment) -> str:
    """Settings, losses and weights; numbers as float32 has them, so that they come back to the bit."""
    train, test = experiment.losses()
    layers = [{"weight": layer.weight.tolist(), "bias": layer.bias.tolist()} for layer in linears(experiment.model)]
    return json.dumps(
        {
            "settings": changed(experiment.began),
            "edits": edits_of(experiment),
            "step": experiment.step,
            "losses": {"train": train, "test": test},
            "layers": layers,
        },
        indent=1,
    )


def python_lines(experiment: Experiment) -> str:
    """A script: the same training by the house's functions, and what its network computes in plain torch."""
    settings = experiment.began
    given = ", ".join(f"{name}={value!r}" for name, value in changed(settings).items())
    features = ", ".join(TORCH[name] for name in settings.features)
    lines = [
        f'"""{experiment.step:,} steps of {settings.optimizer} on {settings.data}, as in the playground."""',
        "",
        "import torch",
        "",
        "from glassworks.studio.playground.edits import edits_from",
        "from glassworks.studio.playground.experiment import Experiment",
        "from glassworks.studio.playground.settings import Settings",
        "",
        f'experiment = Experiment(Settings({given}), edits_from("{edits_of(experiment)}"))',
        f"experiment.advance({experiment.step})",
        "model = experiment.model  # a torch.nn.Sequential: points (N, 2) to outputs",
        "",
        "",
        "def computed(x: torch.Tensor) -> torch.Tensor:",
        '    """What the model computes, layer by layer, from its state_dict."""',
        "    weights = model.state_dict()",
        f"    h = torch.stack([{features}], 1)",
    ]
    function = FUNCTION.get(settings.activation)
    for depth in range(1, len(settings.layers) + 1):
        linear = f'h @ weights["linear{depth}.weight"].T + weights["linear{depth}.bias"]'
        lines.append(f"    h = {function}({linear})" if function else f"    h = {linear}")
    output = 'h @ weights["output.weight"].T + weights["output.bias"]'
    squashed = experiment.points.classes and settings.loss == "squares"
    lines += [f"    return torch.tanh({output})" if squashed else f"    return {output}", ""]
    return "\n".join(lines)


def edits_of(experiment: Experiment) -> str:
    """What a hand has changed so far, as a link has it."""
    return ",".join(":".join(map(str, edit)) for edit in experiment.edits[: experiment.applied])


def exported(experiment: Experiment) -> dict[str, Any]:
    """Both."""
    return {"json": weights_json(experiment), "python": python_lines(experiment)}
