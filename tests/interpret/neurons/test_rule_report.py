import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, r2_score
from torch import nn

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.neurons.rule_report import rule_report, rules_of, score_rules
from glassworks.interpret.neurons.rule_swap import deal, swap_in
from glassworks.interpret.neurons.rules import fit_rules
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

NAMES = [f"token {i}" for i in range(6)] + ["first"]


class Planted(nn.Module):
    """Tokens (B, T) to logits; hidden neurons that are rules of the token and its place, or of a running sum."""

    def __init__(self, *, planted: bool = True) -> None:
        super().__init__()
        self.planted = planted
        self.hidden = nn.Identity()
        self.head = nn.Linear(4, 5)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        late = (torch.arange(tokens.size(1)) > 0).float().expand(tokens.shape)
        noise = (tokens.cumsum(1) * 0.7548776662).frac() - 0.5  # depends on all that came before
        rules = [3.0 * (tokens == 2), 2.0 * (tokens == 4) * late, 5 * noise, torch.zeros_like(noise)]
        hidden = torch.stack(rules, -1) if self.planted else torch.stack([5 * noise] * 4, -1)
        out: torch.Tensor = self.head(self.hidden(hidden))
        return out


def data(B: int = 120, T: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(6, (B, T), generator=torch.Generator().manual_seed(1))
    first = (torch.arange(T) == 0).expand(B, T)
    return tokens, torch.cat([nn.functional.one_hot(tokens, 6).bool(), first[..., None]], -1)


def test_scores_are_those_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(400, 6, generator=generator) < 0.5
    y = (features.float() @ torch.randn(6, 5, generator=generator) + torch.randn(400, 5, generator=generator)).relu()
    y[:, 4] = 0
    rules = fit_rules(features[:200], y[:200], depth=3)
    found = score_rules(rules, features[200:], y[200:])
    predicted, firing = rules.predict(features[200:]), rules.predict_firing(features[200:])
    for i in range(4):
        actual = y[200:, i].double()
        assert found.r2[i] == pytest.approx(r2_score(actual, predicted[:, i].double()), abs=1e-9)
        assert found.f1[i] == pytest.approx(f1_score(actual > 0, firing[:, i]), abs=1e-12)
        assert found.always[i] == pytest.approx(f1_score(actual > 0, torch.ones(200)), abs=1e-12)
        assert found.rate[i] == (actual > 0).double().mean()
    assert np.isnan([found.r2[4], found.f1[4], found.always[4]]).all()
    assert found.rate[4] == 0


def test_finds_planted_rules_and_tells_them_from_neurons_without() -> None:
    tokens, features = data()
    trace = rule_report(Planted(), tokens, features, "hidden", names=NAMES, depth=3, fresh=Planted(planted=False))
    assert trace.labels["row"] == ["trees", "shuffled features", "untrained network"]
    r2 = trace.arrays["r2"][:, 0]
    np.testing.assert_allclose(r2[0, :2], 1, atol=1e-9)
    assert r2[0, 2] < 0.3
    assert np.isnan(r2[0, 3])  # a silent neuron
    assert (r2[1:, :2] < 0.3).all()
    np.testing.assert_allclose(trace.arrays["f1"][0, 0, :2], 1)
    np.testing.assert_allclose(trace.arrays["explained"], [[0.5], [0], [0]])
    rules = rules_of(trace, "hidden")
    assert rules.explain(1, top=1).startswith("token 4 and not first → 2.00")
    assert trace.meta["num_places_fitted"] == 96 * 9
    assert len(trace.arrays["held_out"]) == 24


def test_the_best_the_median_and_the_least_explained_neuron_are_told_in_words() -> None:
    tokens, features = data()
    report = rule_report(Planted(), tokens, features, "hidden", names=NAMES, depth=2, fresh=Planted(planted=False))
    assert report.labels["told"] == ["best", "second best", "median", "least"]
    assert report.arrays["told_neuron"].tolist() == [[0, 1, 1, 2]]  # the fourth is constant: it has no R²
    assert report.arrays["told_rule"][0, 0, :2].tolist() == ["token 2", "not token 2"]
    assert report.arrays["told_value"][0, 0, :2].tolist() == [3.0, 0.0]
    assert report.arrays["told_rule"][0, 1, 0] == "token 4 and not first"
    rules = rules_of(report, "hidden").rules(1)
    assert report.arrays["told_count"][0, 1, : len(rules)].tolist() == [rule.examples for rule in rules]
    assert report.arrays["told_count"][0, 1, len(rules) :].tolist() == [0] * (6 - len(rules))
    assert np.isnan(report.arrays["told_fires"][0, 0, -1])


def test_a_gpt_gets_its_untrained_row_by_itself_and_points_may_be_a_glob() -> None:
    model = GPT(GPTConfig("gpt2", 6, 9, 2, 2, 8), seed=5)
    tokens, features = data(40)
    keep = torch.arange(9).expand(40, 9) > 2
    trace = rule_report(model, tokens, features, "blocks.*.mlp.post", keep=keep, batch_size=7, depth=2)
    assert trace.labels["point"] == ["blocks.0.mlp.post", "blocks.1.mlp.post"]
    assert trace.arrays["r2"].shape == (3, 2, 32)
    assert trace.meta["num_places_scored"] == 8 * 6
    rows = torch.from_numpy(trace.arrays["held_out"])
    with torch.no_grad(), capture(model, "blocks.1.mlp.post") as seen:
        model(tokens[rows])
    y = seen["blocks.1.mlp.post"][keep[rows]]
    found = score_rules(rules_of(trace, "blocks.1.mlp.post"), features[rows][keep[rows]], y)
    np.testing.assert_allclose(found.r2, trace.arrays["r2"][0, 1], rtol=1e-4, atol=1e-5)


def test_perfect_rules_leave_the_network_as_it_was() -> None:
    model = Planted()
    tokens, features = data()
    report = rule_report(model, tokens, features, "hidden", depth=3, fresh=Planted(planted=False))
    rows = torch.from_numpy(report.arrays["held_out"])
    first = lambda logits, rows: logits[:, 0, 0] + 0 * rows  # noqa: E731
    trace = swap_in(model, tokens[rows], features[rows], report, measures={"first_logit": first}, batch_size=10)
    assert trace.labels["replacement"] == ["reference", "trees", "random trees", "mean ablation"]
    assert trace.labels["place"] == ["hidden"]
    assert trace.arrays["num_replaced"] == [2]
    kl, top1 = trace.arrays["kl"][:, 0], trace.arrays["top1"][:, 0]
    np.testing.assert_allclose(kl[:2], 0, atol=1e-9)
    assert (kl[2:] > 0.05).all()
    assert top1[:2].tolist() == [1, 1]
    assert (top1[2:] < 0.95).all()
    with torch.no_grad():
        expected = model(tokens[rows][trace.arrays["judged"]])[:, 0, 0].double()
    np.testing.assert_allclose(trace.arrays["first_logit"][:2, 0], expected.mean(), rtol=1e-6)
    np.testing.assert_allclose(trace.arrays["first_logit_error"][0, 0], expected.std() / 12**0.5, rtol=1e-6)


def test_mean_ablation_and_the_rest_are_what_a_hook_by_hand_does() -> None:
    model = Planted()
    tokens, features = data()
    keep = torch.arange(9).expand(120, 9) > 1
    report = rule_report(model, tokens, features, "hidden", depth=3, keep=keep)
    rows = torch.from_numpy(report.arrays["held_out"])
    train = torch.ones(120, dtype=torch.bool).index_fill(0, rows, False)
    judged = rows[swap_in(model, tokens[rows], features[rows], report, keep=keep[rows]).arrays["judged"]]
    with torch.no_grad(), capture(model, "hidden") as seen:
        own = model(tokens[judged]).log_softmax(-1)
        hidden = seen["hidden"].clone()
        model(tokens[train])
        mean = seen["hidden"][keep[train]].mean(0)
    for rest, replaced in (("keep", [0, 1]), ("ablate", [0, 1, 2, 3])):
        trace = swap_in(model, tokens[rows], features[rows], report, keep=keep[rows], rest=rest)  # type: ignore[arg-type]
        edited = hidden.clone()
        edited[:, 2:, replaced] = mean[replaced]
        with torch.no_grad():
            other = model.head(edited).log_softmax(-1)
        kl = (own.exp() * (own - other)).sum(-1)[:, 2:].mean()
        assert trace.arrays["kl"][3, 0] == pytest.approx(kl.item(), rel=1e-4)


def test_neurons_are_chosen_on_other_inputs_than_those_that_judge() -> None:
    model = GPT(GPTConfig("gpt2", 6, 9, 2, 2, 8), seed=5)
    tokens, features = data(40)
    report = rule_report(model, tokens, features, "blocks.0.mlp.post", depth=2)
    judged = swap_in(model, tokens, features, report).arrays["judged"]
    assert len(judged) == 20
    halves = []
    for rows in (np.setdiff1d(np.arange(40), judged), judged):
        with torch.no_grad(), capture(model, "blocks.0.mlp.post") as seen:
            model(tokens[rows])
        y = seen["blocks.0.mlp.post"].flatten(0, 1)
        halves.append(score_rules(rules_of(report, "blocks.0.mlp.post"), features[rows].flatten(0, 1), y).r2)
    cut = next(c for c in np.linspace(0.05, 0.95, 91) if len({int((r2 >= c).sum()) for r2 in halves}) == 2)
    trace = swap_in(model, tokens, features, report, min_r2=cut)
    assert trace.arrays["num_replaced"].tolist() == [(halves[0] >= cut).sum()]
    report.arrays["r2"][:] = np.nan
    again = swap_in(model, tokens, features, report, min_r2=cut)
    np.testing.assert_array_equal(again.arrays["kl"], trace.arrays["kl"])


def test_channels_of_a_convolution_have_rules_and_any_module_its_untrained_row() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 12, 2))
    x = (torch.rand(40, 1, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    features = x.movedim(1, -1).bool()  # (40, 3, 4, 1): all that a channel of a 1 x 1 convolution sees
    report = rule_report(model, x, features, "0", depth=1)
    assert report.labels["row"] == ["trees", "shuffled features", "untrained network"]
    np.testing.assert_allclose(report.arrays["r2"][0, 0], 1, atol=1e-6)
    trace = swap_in(model, x, features, report)
    assert trace.arrays["num_replaced"] == [3]
    np.testing.assert_allclose(trace.arrays["kl"][:2, 0], 0, atol=1e-6)
    assert trace.arrays["kl"][3, 0] > 1e-5


def test_random_trees_keep_values_and_questions() -> None:
    features = torch.rand(300, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    rules = fit_rules(features, features.float() @ torch.arange(16.0).view(8, 2), depth=3)
    dealt = deal(rules, 0)
    assert sorted(dealt.feature.flatten()) == sorted(rules.feature.flatten())
    assert not np.array_equal(dealt.feature, rules.feature)
    assert np.array_equal(dealt.value, rules.value)


def test_several_points_are_replaced_one_by_one_and_together() -> None:
    model = GPT(GPTConfig("gpt2", 6, 9, 2, 2, 8), seed=5)
    tokens, features = data(40)
    report = rule_report(model, tokens, features, "blocks.*.mlp.post", depth=2)
    trace = swap_in(model, tokens, features, report, min_r2=0.2)
    assert trace.labels["place"] == ["blocks.0.mlp.post", "blocks.1.mlp.post", "all points"]
    number = trace.arrays["num_replaced"]
    assert number[2] == number[0] + number[1]
    assert (trace.arrays["kl"][0] == 0).all()
    assert (trace.arrays["top1"][0] == 1).all()


def test_refuses_what_does_not_fit() -> None:
    model, (tokens, features) = Planted(), data()
    with pytest.raises(ValueError, match=r"inputs \(119, 9\), features \(120, 9, 7\)"):
        rule_report(model, tokens[:-1], features, "hidden")
    with pytest.raises(ValueError, match=r"held_out \(=1.5\)"):
        rule_report(model, tokens, features, "hidden", held_out=1.5)
    with pytest.raises(ValueError, match="keep leaves 0 places"):
        rule_report(model, tokens, features, "hidden", keep=torch.zeros(120, 9, dtype=torch.bool))
    with pytest.raises(ValueError, match="nearest: hidden"):
        rule_report(model, tokens, features, "hiden")
    with pytest.raises(ValueError, match="6 neurons"):
        score_rules(fit_rules(features[0], torch.ones(9, 6)), features[0], torch.ones(9, 5))
    with pytest.raises(ValueError, match=r"max_bytes \(=99\)"):
        rule_report(model, tokens, features, "hidden", max_bytes=99)
    report = rule_report(model, tokens, features, "hidden")
    with pytest.raises(ValueError, match="must be one of the report's: hidden"):
        rules_of(report, "head")
    with pytest.raises(ValueError, match="must be 2 or more: some choose the neurons"):
        swap_in(model, tokens[:1], features[:1], report)
    with pytest.raises(ValueError, match=r"features \(119, 9, 7\)"):
        swap_in(model, tokens, features[:-1], report)
