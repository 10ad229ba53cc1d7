"""The images that units respond to most: what is chosen, cut out and said."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.features.strongest import agreement, strongest_examples


def corner_finder() -> nn.Sequential:
    """Unit 0 answers to a bright pixel above a dark one, unit 1 to brightness, unit 2 to nothing."""
    model = nn.Sequential(nn.Conv2d(1, 3, (2, 1), bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[[[1.0], [-1.0]]], [[[0.5], [0.5]]], [[[-1.0], [-1.0]]]]))  # type: ignore[operator, union-attr]
    return model


def planted() -> Tensor:
    """Twelve dim images; in number n from 4 on, a pixel at row n - 4 and column 2 is as bright as n / 10 over black."""
    images = torch.full((12, 1, 9, 4), 0.25)
    for n in range(4, 12):
        images[n, 0, n - 4, 2], images[n, 0, n - 3, 2] = n / 10, 0
    return images


def test_the_strongest_are_found_with_their_places_and_patches() -> None:
    trace = strongest_examples(corner_finder(), planted(), "1", [0], k=3, batch_size=5)
    assert trace.arrays["strongest_image"].tolist() == [[11, 10, 9]]
    assert np.allclose(trace.arrays["strongest_activation"], [[1.1, 1.0, 0.9]])
    assert trace.arrays["strongest_place"].tolist() == [[7 * 4 + 2, 6 * 4 + 2, 5 * 4 + 2]]
    assert np.allclose(trace.arrays["patch"][0, :, 0, :, 0], [[1.1, 0], [1.0, 0], [0.9, 0]])
    assert np.allclose(trace.arrays["projection"][0, :, 0, :, 0], [[1.1, -1.1], [1.0, -1.0], [0.9, -0.9]])
    assert trace.arrays["weakest_image"].tolist() == [[0, 1, 2]]  # equal ones in their order
    assert not trace.arrays["weakest_activation"].any()
    assert np.isclose(trace.arrays["agreement"][0, 0], 1)
    assert np.isclose(trace.arrays["fires"][0], 8 / 12)


def test_a_dead_unit_shows_nothing_and_says_so() -> None:
    trace = strongest_examples(corner_finder(), planted(), "1", [0, 2], k=2)
    assert trace.arrays["fires"].tolist() == [np.float32(8 / 12), 0]
    assert not trace.arrays["projection"][1].any()
    assert np.isnan(trace.arrays["agreement"][0, 1])


def test_batches_of_any_size_and_kind_give_the_same() -> None:
    images, model = planted(), nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    whole = strongest_examples(model, images, "2", k=4, seed=2)
    batches = [(part, torch.zeros(len(part))) for part in images.split(5)]

    def begun() -> Iterator[Tensor]:
        yield from images.split(7)

    for other in (batches, begun, [images[:6].numpy(), images[6:].numpy()]):
        found = strongest_examples(model, other, "2", k=4, seed=2, batch_size=3)
        for name in ("strongest", "random", "weakest", "untrained"):
            assert found.arrays[f"{name}_image"].tolist() == whole.arrays[f"{name}_image"].tolist()
            assert np.allclose(found.arrays[name], whole.arrays[name], atol=1e-5, equal_nan=True)


def test_more_places_than_images_stay_empty() -> None:
    trace = strongest_examples(corner_finder(), planted()[8:10], "1", [1], k=4)
    assert trace.arrays["strongest_image"].tolist() == [[1, 0, -1, -1]]
    assert np.isnan(trace.arrays["patch"][0, 2:]).all()
    assert trace.arrays["strongest_caption"][0, 2:].tolist() == ["", ""]
    assert "<img" in trace._repr_html_()


def test_a_vector_sees_the_whole_image() -> None:
    model = nn.Sequential(corner_finder(), nn.Flatten(), nn.Linear(96, 5))
    trace = strongest_examples(model, planted(), "2", k=2)
    assert trace.arrays["patch"].shape == (5, 2, 1, 9, 4)
    assert np.allclose(trace.arrays["patch"][0, 0], planted()[trace.arrays["strongest_image"][0, 0]])


def test_agreement_is_the_mean_cosine_of_pairs() -> None:
    pictures = torch.tensor([[[1.0, 0.0], [1.0, 1.0]], [[0.0, 2.0], [0.0, 0.0]]])[:, :, None, None]
    own, others = agreement(pictures)
    assert torch.isclose(own[0], torch.tensor(0.5).sqrt())
    assert own[1].isnan()
    assert torch.allclose(others, torch.tensor(0.5).sqrt() / 2)  # 0 and 0.71; the empty picture is not counted


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    model = corner_finder()
    with pytest.raises(ValueError, match=r"^images can be gone over only once: give a list"):
        strongest_examples(model, iter([planted()]), "1")
    with pytest.raises(ValueError, match=r"^images holds no batch: give at least one image$"):
        strongest_examples(model, [], "1")
    with pytest.raises(ValueError, match=r"^k \(=0\) must be at least 1$"):
        strongest_examples(model, planted(), "1", k=0)
    nn.init.constant_(model[0].weight, 9.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^1 holds infinities, which begin at 0$"):
        strongest_examples(model, torch.cat([planted(), planted() * 1e38]), "1", [1])
