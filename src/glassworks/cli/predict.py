"""`glassworks predict`: what a network says of files."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments

if TYPE_CHECKING:
    from glassworks.classify.predict import Prediction


@dataclass(frozen=True)
class Predict:
    """Say what a network sees in files: a line for each, with its likeliest classes and their probabilities.

    A file that cannot be read is named on stderr, the others follow, and the command ends with 2.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")]
    """A run of images or of a table, or the folder of such a model."""
    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Images or IDX files; tables (.csv, .tsv, .parquet), a line for each row; folders and globs of them."""
    top: int = 3
    """Classes that are named, the likeliest first."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON, an object a line."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""


def run(arguments: Arguments) -> int:
    """Parse, load, say. The exit code is 2 if some file could not be read."""
    args = arguments.parse(Predict, "predict")
    if args.top < 1:
        raise ValueError(f"top (={args.top}) must be at least 1")
    if not args.files:
        raise ValueError(f"predict needs files: see {arguments.help()}")
    from glassworks.core.places import run_named

    run_named(args.model, "predict")  # what is neither is refused before torch is loaded
    from glassworks.classify.predict import predict_files
    from glassworks.cli.main import describe, say
    from glassworks.train.device import pick_device
    from glassworks.train.opening import open_labelled_model

    opened = open_labelled_model(args.model, pick_device(args.device), use="predict")
    broken: list[Exception] = []

    def tell(error: Exception) -> None:
        broken.append(error)
        say(arguments.in_flags(describe(error, arguments)))

    for prediction in predict_files(opened, args.files, broken=tell, strange=say):
        print(
            json.dumps(as_json(prediction, args.top), ensure_ascii=False) if args.json else line(prediction, args.top)
        )
    return 2 if broken else 0


def line(prediction: "Prediction", top: int) -> str:
    """In words: `cats/3.png  cat 0.931  dog 0.052`."""
    if prediction.value is not None:
        return f"{prediction.name}  {prediction.value:.6g}"
    return "  ".join([prediction.name, *(f"{name} {share:.3f}" for name, share in prediction.probabilities[:top])])


def as_json(prediction: "Prediction", top: int) -> dict[str, Any]:
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
