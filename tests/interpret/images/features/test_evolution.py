"""Features over checkpoints, of networks whose features are known."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.features.evolution import evolution


def looks_at(*pixels: int) -> nn.Sequential:
    """A unit for each pixel of images of four."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, len(pixels), bias=False), nn.ReLU())
    with torch.no_grad():
        model[1].weight.zero_()  # type: ignore[operator, union-attr]
        for unit, pixel in enumerate(pixels):
            model[1].weight[unit, pixel] = 2.0  # type: ignore[index, union-attr]
    return model


IMAGES = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0, 0.5, 0]]).view(5, 1, 2, 2)


def test_each_checkpoint_has_its_strongest_image_and_how_near_it_is_to_the_end() -> None:
    steps = {"0": looks_at(0, 1), "10": looks_at(2, 1), "20": looks_at(3, 1)}
    trace = evolution(steps.items(), IMAGES, "2", [0, 1], batch_size=2)
    assert trace.labels["step"] == ["0", "10", "20"]
    assert trace.arrays["image"].tolist() == [[0, 2, 3], [1, 1, 1]]
    assert trace.arrays["activation"].tolist() == [[2, 2, 2], [2, 2, 2]]
    columns = IMAGES.view(5, 4).numpy()
    expected = [np.corrcoef(columns[:, pixel], columns[:, 3])[0, 1] for pixel in (0, 2, 3)]
    assert np.allclose(trace.arrays["correlation"], [expected, [1, 1, 1]])
    other = [np.corrcoef(columns[:, pixel], columns[:, 1])[0, 1] for pixel in (0, 2, 3)]
    assert np.allclose(trace.arrays["correlation_other"][0], other)
    assert np.allclose(trace.arrays["picture"][0, 0, 1, 0], IMAGES[2, 0])  # the patch: the whole image
    assert np.allclose(trace.arrays["picture"][0, 1, 1, 0], [[0.5, 0.5], [1, 0.5]])  # its projection around grey


def test_networks_may_come_one_by_one_and_in_the_same_object() -> None:
    model = looks_at(0)

    def loaded() -> Iterator[tuple[str, nn.Module]]:
        for pixel in (0, 2, 3):
            model.load_state_dict(looks_at(pixel).state_dict())
            yield str(pixel), model

    found = evolution(loaded(), [IMAGES[:2], IMAGES[2:]], "2")
    whole = evolution([(str(p), looks_at(p)) for p in (0, 2, 3)], IMAGES, "2")
    for name in ("image", "correlation", "picture"):
        assert np.array_equal(found.arrays[name], whole.arrays[name])
    assert "correlation_other" not in found.arrays  # there is one unit only
    assert "checkpoint" in found._repr_html_()


def test_one_checkpoint_has_no_evolution() -> None:
    with pytest.raises(ValueError, match=r"^checkpoints \(1\) must be two at the least, each a name and a network$"):
        evolution([("0", looks_at(0))], IMAGES, "2")
    with pytest.raises(ValueError, match=r"^checkpoints \(0\)"):
        evolution([], IMAGES, "2")


def test_a_unit_that_never_varies_has_no_correlation() -> None:
    silent: Tensor = IMAGES * 0
    trace = evolution([("0", looks_at(0)), ("1", looks_at(1))], silent, "2")
    assert not trace.arrays["correlation"].any()
    assert not trace.arrays["activation"].any()
