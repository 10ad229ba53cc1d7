import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeRegressor

from glassworks.interpret.neurons.rules import Rules, fit_rules


def data(N: int = 3000, P: int = 12, F: int = 3, values: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features, and activations that depend on a few of them, with noise so that no two splits are equally good."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randint(values, (N, P), generator=generator, dtype=torch.uint8)
    weights = torch.randn(P, F, generator=generator) * (torch.rand(P, F, generator=generator) < 0.4)
    noise = 0.3 * torch.randn(N, F, generator=generator)
    return features, features.float() @ weights + noise


def reference(features: torch.Tensor, y: torch.Tensor, depth: int, min_leaf: int = 1) -> DecisionTreeRegressor:
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=min_leaf, random_state=0)
    return tree.fit(features.float().numpy(), y.numpy())


def same_splits(rules: Rules, neuron: int, tree: DecisionTreeRegressor) -> None:
    """Walk both trees: scikit-learn's nodes are numbered depth first, ours as a heap."""
    inner, pairs = tree.tree_, [(0, 0)]
    while pairs:
        ours, theirs = pairs.pop()
        assert rules.count[neuron, ours] == inner.n_node_samples[theirs]
        assert rules.value[neuron, ours] == pytest.approx(inner.value[theirs, 0, 0], rel=1e-5, abs=1e-6)
        left = inner.children_left[theirs]
        if left < 0:
            assert rules.feature[neuron, ours] == -1
            continue
        assert rules.feature[neuron, ours] == inner.feature[theirs]
        pairs += [(2 * ours + 1, left), (2 * ours + 2, inner.children_right[theirs])]


@pytest.mark.parametrize(("depth", "min_leaf"), [(1, 1), (3, 1), (4, 20)])
def test_grows_the_trees_of_scikit_learn(depth: int, min_leaf: int) -> None:
    features, y = data()
    rules = fit_rules(features, y, depth=depth, min_leaf=min_leaf)
    for neuron in range(3):
        same_splits(rules, neuron, reference(features, y[:, neuron], depth, min_leaf))


@pytest.mark.parametrize("values", [2, 5])
def test_predicts_what_scikit_learn_does(values: int) -> None:
    features, y = data(values=values)
    unseen = data(values=values, seed=1)[0]
    rules = fit_rules(features, y, depth=5)
    for neuron in range(3):
        tree = reference(features, y[:, neuron], 5)
        expected = tree.predict(features.numpy())
        np.testing.assert_allclose(rules.predict(features)[:, neuron], expected, rtol=1e-5, atol=1e-6)
        if values == 2:  # thresholds lie between other neighbours where a node lacks some values
            found = rules.predict(unseen)[:, neuron].numpy()
            np.testing.assert_allclose(found, tree.predict(unseen.numpy()), rtol=1e-5, atol=1e-6)


def test_whole_and_real_numbers_are_cut_between_their_values() -> None:
    x = torch.tensor([[-3.0], [0.25], [0.25], [7.0]])
    y = torch.tensor([[1.0], [2.0], [2.0], [9.0]])
    rules = fit_rules(x, y, names=["height"], depth=2)
    assert [rule.words for rule in rules.rules(0)] == ["height > 3.625", "-1.375 < height ≤ 3.625", "height ≤ -1.375"]
    assert torch.equal(rules.predict(x), y)
    assert torch.equal(fit_rules(x.long(), y, depth=1).predict(x.long()).flatten() > 5, torch.tensor([0, 0, 0, 1]) > 0)


def test_says_a_rule_that_was_planted() -> None:
    features = torch.rand(2000, 9, generator=torch.Generator().manual_seed(3)) < 0.4
    y = 2.31 * (features[:, 4] & ~features[:, 7]).float()[:, None]
    rules = fit_rules(features, y, names=[f"square {i}" for i in range(9)])
    count = int((y > 0).sum())
    assert rules.explain(0, top=1) == f"square 4 and not square 7 → 2.31 ({count})"
    assert torch.equal(rules.predict_firing(features), y > 0)
    assert sum(rule.examples for rule in rules.rules(0)) == 2000


def test_of_equally_good_splits_the_first_feature_is_taken() -> None:
    bit = torch.arange(40)[:, None] % 2 == 0
    features = torch.cat([~bit, bit, bit], 1)  # three columns that say the same
    rules = fit_rules(features, 5 - 2 * bit.float(), depth=1)
    assert rules.feature[0, 0] == 0


def test_a_silent_neuron_and_constant_features_give_a_tree_without_questions() -> None:
    y = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    rules = fit_rules(torch.tensor([[1, 0], [1, 1]], dtype=torch.uint8), y, depth=3)
    assert [rule.words for rule in rules.rules(0)] == ["always"]
    assert rules.explain(1) == "feature 1 → 2.00 (1)\nnot feature 1 → 1.00 (1)"
    silent = fit_rules(torch.ones(2, 2, dtype=torch.bool), y)
    assert torch.equal(silent.predict(torch.zeros(3, 2)), torch.tensor([[0.0, 1.5]]).expand(3, 2))


def test_threads_and_chunks_do_not_change_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    features, y = data(F=7)
    one = fit_rules(features, y, threads=1)
    monkeypatch.setattr("glassworks.interpret.neurons.rules.CHUNK_BYTES", 4 * 3000 * 2)
    many = fit_rules(features, y, threads=3)
    for name in ("feature", "threshold", "value", "fires", "count"):
        assert np.array_equal(getattr(one, name), getattr(many, name))
    assert torch.equal(one.predict(features, threads=1), many.predict(features, threads=3))


def test_a_neuron_is_fitted_by_itself_and_bfloat16_is_taken() -> None:
    features, y = data(F=4)
    alone, together = fit_rules(features, y[:, 2:3].bfloat16()), fit_rules(features, y.bfloat16())
    assert np.array_equal(alone.feature[0], together.feature[2])
    assert np.array_equal(alone.value[0], together.value[2])


def test_refuses_bad_input() -> None:
    features, y = data()
    with pytest.raises(ValueError, match=r"\(3000, 12\) and activations \(2999, 3\)"):
        fit_rules(features, y[:-1])
    with pytest.raises(ValueError, match="must not be empty"):
        fit_rules(features[:0], y[:0])
    with pytest.raises(ValueError, match=r"depth \(=11\)"):
        fit_rules(features, y, depth=11)
    with pytest.raises(ValueError, match=r"min_leaf \(=0\)"):
        fit_rules(features, y, min_leaf=0)
    with pytest.raises(ValueError, match=r"names \(of 2 features\) must name the 12"):
        fit_rules(features, y, names=["a", "b"])
    with pytest.raises(ValueError, match=r"neuron 1 hold NaN"):
        fit_rules(features, y.index_fill(1, torch.tensor([1]), torch.nan))
    with pytest.raises(ValueError, match=r"column 0, 'feature 0'\) has 3000 different values"):
        fit_rules(torch.arange(3000.0)[:, None], y)
    with pytest.raises(ValueError, match=r"column 0, 'feature 0'\) must be finite"):
        fit_rules(torch.full((3000, 1), torch.inf), y)
    rules = fit_rules(features, y)
    with pytest.raises(ValueError, match=r"features \(of shape \(3000, 5\)\) must be \(examples, 12\)"):
        rules.predict(features[:, :5])
    with pytest.raises(ValueError, match=r"neuron \(=3\)"):
        rules.explain(3)
    with pytest.raises(ValueError, match=r"threads \(=0\)"):
        rules.predict(features, threads=0)
