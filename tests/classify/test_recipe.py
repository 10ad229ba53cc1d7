"""What a recipe of labelled data refuses."""

from typing import Any

import pytest

from glassworks.classify.recipe import LabelledRecipe
from glassworks.core.config import from_dict


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": 0.0}, r"validation \(=0.0\) is a share of the examples"),
        ({"test": 1.0}, r"test \(=1.0\) is a share of the examples"),
        ({"validation": 0.5, "test": 0.5}, "leave no examples to train on"),
        ({"size": 0}, r"size \(=0\) is a number of rows and columns"),
        ({"label_smoothing": 1.0}, r"label_smoothing \(=1.0\) is a share"),
        ({"label_smoothing": 0.1, "loss": "focal"}, r"label_smoothing \(=0.1\) is of cross-entropy, and loss is focal"),
        ({"loss": "focall"}, r"there is no loss 'focall': did you mean focal\?"),
        ({"class_weights": "equal"}, r"class_weights \(='equal'\) must be balanced, or a number"),
        ({"class_weights": (-1.0, 1.0)}, "class_weights .* must be balanced, or a number"),
        ({"class_weights": (0.0, 0.0)}, "class_weights .* must be balanced, or a number"),
        ({"class_weights": ()}, "class_weights .* must be balanced, or a number"),
        ({"colour": "green"}, r"colour \(='green'\)"),
        ({"data": ("a", "b")}, "data"),
    ],
)
def test_a_mistake_names_the_field_and_its_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_dict(LabelledRecipe, changes)  # as a file or run.json has them


def test_class_weights_are_numbers_or_a_name() -> None:
    assert LabelledRecipe().given_weights() is None
    assert LabelledRecipe(class_weights="balanced").given_weights() is None
    assert LabelledRecipe(class_weights=(1.0, 2.5)).given_weights() == (1.0, 2.5)
    assert LabelledRecipe(class_weights="2").given_weights() == (2.0,)
