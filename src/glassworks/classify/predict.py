"""What a trained network says of files that it has never seen: images, or the rows of tables.

An input comes of a file exactly as in training, by the preprocessing that lies with the model.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glassworks.core.errors import FileDamaged, GlassworksError, RunError
from glassworks.core.files import at_home
from glassworks.data.labelled.changes import as_pixels
from glassworks.data.labelled.images.idx import images_alone
from glassworks.data.labelled.images.image import apply_image
from glassworks.data.labelled.signs import IMAGE_SUFFIXES, looks_like_idx
from glassworks.data.labelled.tables.encoding import Encoding
from glassworks.data.labelled.tables.formats import SUFFIXES as TABLE_SUFFIXES
from glassworks.data.labelled.tables.table import encoded_file
from glassworks.models.modes import evaluating
from glassworks.models.vision.fold import folded
from glassworks.train.opening import OpenedLabelled

BATCH = 64
"""Examples that the network sees at once."""

Named = tuple[NDArray[Any], str]
"""An input, uint8 (C, H, W) or float32 (F,), and what it is called."""
Read = Callable[[Path], Iterator[Named]]


@dataclass(frozen=True)
class Prediction:
    """What the network says of an example."""

    name: str
    """Of the file, as it was given; with a row's or an image's number where a file holds several."""
    probabilities: tuple[tuple[str, float], ...] = ()
    """Each class with its probability, the likeliest first; () where it says a number."""
    value: float | None = None
    """The number, in the target's unit; None where it tells classes apart."""


def predict_files(
    opened: OpenedLabelled,
    paths: Sequence[str | Path],
    *,
    broken: Callable[[Exception], object] | None = None,
    strange: Callable[[str], object] | None = None,
    batch_size: int = BATCH,
) -> Iterator[Prediction]:
    """What a network says of files, one prediction an example, in their order.

    Args:
        opened: of `open_run`: a run of images or of a table, or such a model's folder.
        paths: for images, files of images or IDX files; for tables, CSV, TSV or Parquet files with the columns that
            the network reads. A folder stands for all such files in it and below; a glob for those that it matches.
        broken: told of each file that cannot be read, and the others follow. None = the first one raises.
        strange: told, in a sentence each, of a table's columns with values that cannot be read as theirs (they count as
            missing) or that training never saw.
        batch_size: examples that the network sees at once.

    Raises: ValueError, FileDamaged or OSError for a file that cannot be read, as its reader says it; FileDamaged for
        preprocessing that is not the model's; RunError for an output that is not finite.
    """
    read = reader_of(opened, strange)
    suffixes = TABLE_SUFFIXES if opened.is_table else IMAGE_SUFFIXES
    examples = inputs_of(paths, suffixes, read, broken)
    model = folded(opened.model)
    while some := list(islice(examples, batch_size)):
        inputs = np.stack([example for example, _ in some])
        tensor = as_pixels(inputs) if inputs.dtype == np.uint8 else torch.from_numpy(inputs)
        with torch.no_grad(), evaluating(model):
            outputs = model(tensor.to(next(model.parameters()).device)).double().cpu()
        for (_, name), output in zip(some, outputs, strict=True):
            if not output.isfinite().all():
                raise RunError(f"{opened.path} says of {name} what is not finite: its weights have diverged")
            yield prediction(opened.classes, name, output)


def prediction(classes: tuple[str, ...], name: str, output: torch.Tensor) -> Prediction:
    """What one example's outputs mean."""
    if not classes:
        return Prediction(name, value=output.item())
    probabilities, order = output.softmax(0).sort(descending=True, stable=True)
    named = zip((classes[i] for i in order.tolist()), probabilities.tolist(), strict=True)
    return Prediction(name, tuple(named))


# ----------------------------------------------------------------------------------------------------------------------
# From paths to inputs


def inputs_of(
    paths: Sequence[str | Path],
    suffixes: tuple[str, ...],
    read: Read,
    broken: Callable[[Exception], object] | None,
) -> Iterator[Named]:
    """All examples of all files; what cannot be read is told, or raised."""
    for path in paths:
        try:
            for file in files_of(path, suffixes):
                try:
                    yield from read(file)
                except (ValueError, GlassworksError, OSError) as error:
                    if broken is None:
                        raise
                    broken(error)
        except (ValueError, OSError) as error:
            if broken is None:
                raise
            broken(error)


def files_of(path: str | Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files that a path stands for: itself, those in a folder with one of these suffixes, those a glob matches."""
    file = at_home(path)
    if file.is_dir():
        below = (Path(where) / name for where, _, names in os.walk(file) for name in names)
        found = sorted(one for one in below if one.name.lower().endswith(suffixes) and is_shown(one, file))
        if not found:
            raise ValueError(f"{path} has no file with one of the suffixes {' '.join(suffixes)}: give others")
        return found
    if file.exists() or not set("*?[") & set(str(path)):
        return [file]
    matches = Path(file.anchor).glob(str(file.relative_to(file.anchor)))
    found = sorted(one for one in matches if one.is_file() and is_shown(one, file))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "no file is called so", str(path))
    return found


def is_shown(file: Path, given: Path) -> bool:
    """Whether neither a file's name nor that of a folder on the way to it begins with a dot, unless it was given so."""
    return all(not part.startswith(".") or part in given.parts for part in file.parts)


def reader_of(opened: OpenedLabelled, strange: Callable[[str], object] | None = None) -> Read:
    """What makes inputs of a file, checked against the network."""
    try:
        if opened.is_table:
            encoding = Encoding.from_json(opened.preprocessing["encoding"], str(opened.path))
            return partial(read_table, encoding=encoding_that_fits(encoding, opened), tell=strange)
        height, width = opened.preprocessing["size"]
        channels = {"grey": 1, "rgb": 3}[opened.preprocessing["colour"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FileDamaged(f"{opened.path}: its preprocessing does not say {error}: restore it") from None
    if (channels, height, width) != opened.model.config.shape:
        raise unfit(opened, f"{channels} × {height} × {width} pixels")
    return partial(read_images, preprocessing=opened.preprocessing)


def encoding_that_fits(encoding: Encoding, opened: OpenedLabelled) -> Encoding:
    """The encoding, if it gives as many features as the network reads."""
    if len(encoding.features) != opened.model.config.shape[0]:
        raise unfit(opened, f"{len(encoding.features):,} features")
    return encoding


def unfit(opened: OpenedLabelled, made: str) -> FileDamaged:
    """The one line for preprocessing that makes something else than the network reads."""
    shape = " × ".join(map(str, opened.model.config.shape))
    return FileDamaged(f"{opened.path}: its preprocessing makes {made}, and the network reads {shape}: restore both")


def read_table(file: Path, *, encoding: Encoding, tell: Callable[[str], object] | None) -> Iterator[Named]:
    """The rows of a table."""
    for inputs, names in encoded_file(file, encoding, tell):
        yield from zip(inputs, names, strict=True)


def read_images(file: Path, *, preprocessing: dict[str, Any]) -> Iterator[Named]:
    """An image, or those of an IDX file."""
    if not looks_like_idx(file):
        yield apply_image(preprocessing, file, str(file)), str(file)
        return
    height, width = preprocessing["size"]
    first = 0
    for pixels in images_alone(file, size=(height, width), colour=preprocessing["colour"]):
        yield from ((one, f"{file} image {first + i}") for i, one in enumerate(pixels))
        first += len(pixels)
