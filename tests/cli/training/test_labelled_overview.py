"""What is said of a training on labelled data before it begins."""

import pytest

from glassworks.classify.recipe import LabelledRecipe
from glassworks.cli.training.labelled_overview import changing
from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.gradient_free.few import Sequential


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_search_that_takes_losses_for_exact_is_told_of_batches_that_change(name: str) -> None:
    is_exact = bool(METHODS[name].made_by) and issubclass(method_class(name), Sequential)
    recipe = LabelledRecipe(optimizer=OptimizerConfig(name))
    said = " ".join(text for _, text in changing(recipe, 1000))
    assert ("--batch-size 1000 reads all" in said) == is_exact
    whole = LabelledRecipe(optimizer=OptimizerConfig(name), batch_size=1000)
    assert list(changing(whole, 1000)) == []
