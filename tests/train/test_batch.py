"""A batch may hold anything, of which tensors are moved and split."""

from collections import UserDict
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from glassworks.train.batch import move, split


class Pair(NamedTuple):
    x: Tensor
    name: str


def nested() -> dict[str, Any]:
    x = torch.arange(4)
    return {"x": x, "texts": ["a", "b"], "none": None, "inner": (Pair(x + 4, "p"), [3, UserDict(y=x.view(2, 2).T)])}


def test_tensors_are_moved_and_all_else_goes_along() -> None:
    moved = move(nested(), torch.device("meta"))
    pair, (three, mapping) = moved["inner"]
    assert (moved["texts"], moved["none"], pair.name, three) == (["a", "b"], None, "p", 3)
    assert isinstance(pair, Pair)
    assert isinstance(mapping, UserDict)
    assert {x.device.type for x in (moved["x"], pair.x, mapping["y"])} == {"meta"}
    assert move("text", torch.device("meta")) == "text"
    assert move(MappingProxyType({"x": torch.arange(2)}), torch.device("meta"))["x"].is_meta


def test_parts_have_their_own_examples_and_all_that_is_no_tensor() -> None:
    batch = {
        "x": torch.arange(4),
        "names": ("a", None),
        "scale": torch.tensor(2.0),
        "more": [torch.arange(8).view(4, 2)],
    }
    parts = split(batch, 2)
    assert [part["x"].tolist() for part in parts] == [[0, 1], [2, 3]]
    assert [part["more"][0][:, 0].tolist() for part in parts] == [[0, 2], [4, 6]]
    assert all((part["names"], part["scale"].item()) == (("a", None), 2.0) for part in parts)
    assert split(batch, 1)[0] is batch


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (torch.arange(12), "a batch of 12 does not split into 5 equal parts"),
        ((torch.arange(5), torch.arange(10)), "its tensors have 5 and 10 examples"),
        (("text", None, torch.tensor(1.0)), "its tensors have no examples"),
    ],
)
def test_what_cannot_be_split_is_refused(batch: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        split(batch, 5)
