"""A tuned run beside the model that it started from: evals/tuning.json.

What it gained on held-out examples and what it forgot of the text before, with intervals of paired differences.
"""

from typing import Any

from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.runs import Run, check_run
from glassworks.evaluate.tuning.forgetting import forgetting, moved
from glassworks.evaluate.tuning.gain import likelihood, preferences, rewards
from glassworks.train.device import pick_device
from glassworks.train.opening import open_text
from glassworks.tune.material import material_of

GAINS = {"likelihood": likelihood, "preference": preferences, "reward": rewards}
"""What is measured on held-out examples, by what a method says of itself."""


def evaluate_tuned(run: Run) -> dict[str, Any]:
    """Measure the model before and after on held-out examples and on general text, and write both down."""
    check_run(run, "eval")
    path = run.eval_path("tuning")
    refuse_unwritable(path)
    material, device = material_of(run), pick_device()
    before, after = material.base.model.to(device), open_text(run, device, use="eval").model
    result = {
        "method": material.recipe.method,
        "gain": [
            {"what": what, **found.figures()}
            for what, found in GAINS[material.method.gain](material, before, after).items()
        ],
        "forgetting": [
            {"text": name, **found.figures()} for name, found in forgetting(material, before, after).items()
        ],
        "moved": moved(before, after),
    }
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result
