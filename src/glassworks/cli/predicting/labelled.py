"""What a network for images or tables says of files, as `predict` prints it."""

import json
from collections.abc import Callable
from typing import Any

from glassworks.classify.predict import Prediction, predict_files
from glassworks.train.opening import OpenedLabelled


def print_predictions(
    opened: OpenedLabelled,
    files: tuple[str, ...],
    *,
    top: int,
    as_json: bool,
    broken: Callable[[Exception], object],
    strange: Callable[[str], object],
) -> None:
    """A line for each example."""
    for prediction in predict_files(opened, files, broken=broken, strange=strange):
        print(json.dumps(json_of(prediction, top), ensure_ascii=False) if as_json else line(prediction, top))


def line(prediction: Prediction, top: int) -> str:
    """In words: `cats/3.png  cat 0.931  dog 0.052`."""
    if prediction.value is not None:
        return f"{prediction.name}  {prediction.value:.6g}"
    return "  ".join([prediction.name, *(f"{name} {share:.3f}" for name, share in prediction.probabilities[:top])])


def json_of(prediction: Prediction, top: int) -> dict[str, Any]:
    """The same as JSON has it."""
    if prediction.value is not None:
        return {"file": prediction.name, "value": prediction.value}
    name, share = prediction.probabilities[0]
    return {
        "file": prediction.name,
        "class": name,
        "probability": share,
        "probabilities": dict(prediction.probabilities[:top]),
    }
