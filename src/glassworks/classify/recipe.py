"""A recipe of labelled data: everything that decides what a training on images or a table computes, as plain values."""

from dataclasses import dataclass, field
from typing import Literal

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.data.labelled.augment import Augmentation
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.catalogue.listing import known
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.train.training import UTF8, Training, recipe_in

KINDS = ("images", "table")
"""Kinds of run that such a recipe trains."""


@dataclass(frozen=True)
class Examples:
    """Which examples, and how they are split."""

    data: str = "digits"
    """digits, moons, circles, spirals, blobs or xor; a folder of images by class; a file of MNIST's form (IDX) or
    CIFAR's folder; a table (.csv, .parquet), also of paths of images; or hf:<dataset id>."""
    target: str | None = None
    """The column of a table that is to be said. None = of a table of images, the one called target, label or the
    like."""
    group: str | None = None
    """A column: examples that are equal in it stay in one split."""
    time: str | None = None
    """A column: the latest examples are held out."""
    task: Literal["classes", "number"] | None = None
    """Whether the target of a table tells classes, or is a number. None = found from its values."""
    size: int | None = None
    """Rows and columns of an image, to which all are brought. None = as they are, which must be one size."""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """What images are brought to. auto = grey if all are."""
    skip_unreadable: bool = False
    """Leave out the images of a folder, or of a table of paths, that cannot be read, and list them; otherwise one
    refuses them all."""
    validation: float = 0.1
    """The share of examples that training is judged by on the way."""
    test: float = 0.2
    """The share that is kept for the end. A source that has splits of its own keeps them."""


@dataclass(frozen=True)
class Objective:
    """What is trained for, on what is made of the examples."""

    model: VisionConfig = field(default_factory=VisionConfig)
    """The network. Its shape and outputs are the data's: leave them out."""
    augment: Augmentation = field(default_factory=Augmentation)
    """How images are changed, anew each time they are read."""
    loss: str | None = None
    """A loss of the catalogue (`glassworks losses`), such as focal or huber, of numbers in units of their standard
    deviation. None = cross-entropy of classes, squared error of numbers. What is measured stays the same."""
    label_smoothing: float = 0.0
    """The share of a target that is given to all classes alike."""
    keep: Literal["best", "last"] = "best"
    """Which weights: best = those with the lowest loss on the validation split (RMSE, of numbers) when it was looked
    at, as --eval-every says; last = those after the last step."""
    class_weights: str | tuple[float, ...] | None = None
    """How much an example of each class counts: a number a class, or balanced = as much as that all classes count the
    same. None = all examples count the same."""


@dataclass(frozen=True)
class LabelledRecipe(Training, Objective, Examples):
    """What examples to train on, what to train, and how. `recipes/*.toml` are files of these; flags go over them."""

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("adamw", betas=(0.9, 0.99)))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("cosine", warmup=50, final=0.01))
    batch_size: int = 64
    """Examples in a step, over all ranks and parts together."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        super().__post_init__()
        for name in ("data", "target", "group", "time"):
            check_text(getattr(self, name) or "", name, RENAME if name == "data" else UTF8)
        if self.size is not None and self.size < 1:
            raise ValueError(f"size (={self.size}) is a number of rows and columns: give 1 or more")
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f"{name} (={getattr(self, name)}) is a share of the examples: give one between 0 and 1"
                )
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation (={self.validation}) and test (={self.test}) leave no examples to train on: give less"
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing (={self.label_smoothing}) is a share: give one from 0 to below 1")
        if self.loss is not None:
            object.__setattr__(self, "loss", known("loss", self.loss))
        if self.label_smoothing and self.loss not in (None, "cross_entropy"):
            raise ValueError(
                f"label_smoothing (={self.label_smoothing}) is of cross-entropy, and loss is {self.loss}: leave one out"
            )
        self.given_weights()
        if self.model.initialisation == "mup" and self.optimizer.name not in ("adamw", "sgd"):
            raise ValueError(
                f"model.initialisation (='mup') needs learning rates by width, which optimizer {self.optimizer.name} "
                "has not: take adamw or sgd"
            )

    def given_weights(self) -> tuple[float, ...] | None:
        """The weights of the classes, where they are numbers; ValueError where they are neither these nor a name."""
        given = self.class_weights
        if given in (None, "balanced"):
            return None
        words = (given,) if isinstance(given, str) else given or ()
        try:
            weights = tuple(map(float, words))
        except ValueError:
            weights = ()
        if not weights or not all(0 <= weight < float("inf") for weight in weights) or sum(weights) == 0:
            raise ValueError(f"class_weights (={given!r}) must be balanced, or a number of 0 or more for each class")
        return weights


def labelled_recipe_of(run: Run) -> LabelledRecipe:
    """The recipe of a run of images or a table; RunError for a run of another kind, FileDamaged where it is none."""
    if run.kind_name not in KINDS:
        raise RunError(f"{run.path} is {run.kind.what}: it has no recipe of a training on labelled data")
    return recipe_in(run, LabelledRecipe)
