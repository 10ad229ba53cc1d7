import json
import re

import numpy as np
import pytest
import torch
from tests.evaluate.labelled.parts import digits, numbers
from torch import nn

from glassworks.evaluate.labelled.predictions import Predictions, predict_part
from glassworks.evaluate.labelled.rivals import Rival, rivals
from glassworks.evaluate.labelled.run import judge, on_training
from glassworks.evaluate.labelled.table import table
from glassworks.evaluate.labelled.verdict import advice, away, verdict

CLASSES = ("cat", "dog", "fox")


def sure(
    targets: list[int], predicted: list[int], confidence: float = 0.9, groups: list[int] | None = None
) -> Predictions:
    """Predictions of three classes, each with the same confidence."""
    p = np.full((len(targets), 3), (1 - confidence) / 2)
    p[np.arange(len(targets)), predicted] = confidence
    return Predictions(
        np.array(targets, np.int64), np.log(p), groups=None if groups is None else np.array(groups, np.int64)
    )


def rival(name: str, predictions: Predictions) -> Rival:
    return Rival(name, predictions, 0.0, "by hand")


def rightly(n: int, right: int, shift: int = 0) -> Predictions:
    """n examples of three classes, of which so many are found, beginning at some place."""
    targets = np.arange(n) % 3
    found = np.roll(np.arange(n) < right, shift)
    return sure(targets.tolist(), np.where(found, targets, (targets + 1) % 3).tolist())


def told(result: dict) -> dict:
    """With what `measure` adds to it."""
    result |= {"verdict": verdict(result), "training": {"accuracy": 1.0, "rmse": 0.1}}
    return result | {"advice": advice(result)}


def test_figures_by_hand() -> None:
    ours = sure([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 2])
    result = judge(ours, None, [], CLASSES)
    metrics = {name: interval["value"] for name, interval in result["metrics"].items()}
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics["macro_f1"] == pytest.approx((6 / 7 + 1 / 2 + 0) / 3)
    assert metrics["log_loss"] == pytest.approx(-(4 * np.log(0.9) + 2 * np.log(0.05)) / 6)
    assert metrics["brier"] == pytest.approx((4 * (0.01 + 2 * 0.0025) + 2 * (0.81 + 0.95**2 + 0.0025)) / 6)
    assert metrics["ece"] == pytest.approx(0.9 - 4 / 6)
    assert result["confusion"] == [[3, 1, 0], [0, 1, 1], [0, 0, 0]]
    cat, dog, fox = result["per_class"]
    assert (cat["recall"], cat["precision"], dog["recall"], dog["precision"]) == (0.75, 1.0, 0.5, 0.5)
    assert (fox["class"], fox["examples"], fox["predicted"], fox["recall"], fox["recall_low"]) == (
        "fox",
        0,
        1,
        None,
        None,
    )
    assert any("no test example of fox" in note for note in result["notes"])
    assert any("6 examples to judge by" in note for note in result["notes"])


def test_every_figure_has_its_interval_and_all_of_it_is_json() -> None:
    result = told(judge(rightly(300, 270), rightly(90, 80), [rival("majority", rightly(300, 100))], CLASSES))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for interval in result["metrics"].values():
        assert interval["low"] < interval["value"] < interval["high"]
    difference = result["rivals"][0]["difference"]
    assert set(difference) == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier"}
    assert difference["accuracy"]["value"] == pytest.approx(170 / 300)
    assert {one["verdict"] for one in difference.values()} == {"beats"}


def test_the_verdict_is_one_sentence_that_names_each_rival_once() -> None:
    theirs = {"neighbours": (330, 0), "line": (299, 3), "majority": (100, 0)}
    found = [rival(name, rightly(360, right, shift)) for name, (right, shift) in theirs.items()]
    sentence = verdict(judge(rightly(360, 300), None, found, CLASSES))
    assert sentence.startswith("The network (83.3 %, ")
    assert "loses to neighbours (91.7 %), ties with line (83.1 %) and beats majority (27.8 %)." in sentence
    best = verdict(judge(rightly(360, 300), None, found[1:][::-1][:1], CLASSES))
    assert "beats its only rival, majority (27.8 %), by 55.6 points (" in best
    all_of_them = [rival("a", rightly(360, 100)), rival("b", rightly(360, 200))]
    assert "beats every rival, the strongest, b (55.6 %), by 27.8 points" in verdict(
        judge(rightly(360, 300), None, all_of_them, CLASSES)
    )
    assert "no rival" in verdict(judge(rightly(360, 300), None, [], CLASSES))


@pytest.mark.parametrize(
    ("ends", "name", "said"),
    [
        ((-0.3, -0.4, -0.2), "log_loss", "0.3 (0.2 to 0.4)"),
        ((0.01, -0.04, 0.07), "log_loss", "0.01 (-0.04 to 0.07)"),
        ((-0.01, -0.07, 0.04), "accuracy", "1.0 points (-4.0 to 7.0)"),
    ],
)
def test_an_interval_of_a_difference_keeps_the_side_of_zero(
    ends: tuple[float, float, float], name: str, said: str
) -> None:
    assert away(dict(zip(("value", "low", "high"), ends, strict=True)), name) == said


def test_few_examples_give_no_verdict() -> None:
    result = judge(rightly(12, 10), None, [rival("a", rightly(12, 9)), rival("b", rightly(12, 11))], CLASSES)
    sentence = verdict(result, "hold out more, by --test")
    assert "is better than a (75.0 %) and no better than b (91.7 %), with too few examples to tell" in sentence
    assert sentence.endswith("whether by chance: hold out more, by --test.")
    assert told(result)["advice"] is None


@pytest.mark.parametrize(("there", "word"), [(1.0, "by heart"), (0.84, "train longer")])
def test_advice_goes_by_the_training_examples(there: float, word: str) -> None:
    result = judge(rightly(360, 300), None, [rival("line", rightly(360, 330))], CLASSES)
    result["training"] = {"accuracy": there}
    assert word in advice(result)
    assert "train longer" not in advice(result, "extreme_learning_machine")
    result["rivals"][0]["difference"]["accuracy"]["verdict"] = "beats"
    assert advice(result) is None


def test_a_network_without_a_mistake_needs_no_advice() -> None:
    result = judge(rightly(360, 360), None, [rival("line", rightly(360, 360))], CLASSES)
    assert told(result)["advice"] is None
    assert "ties with line" in result["verdict"]


def test_of_a_handful_of_mistakes_no_advice_follows() -> None:
    result = judge(rightly(360, 358), None, [rival("line", rightly(360, 357))], CLASSES)
    assert told(result)["advice"] is None  # 99.4 %, and 100 % of what it was trained on


def test_mistakes_are_the_surest_first_and_say_which_example_it_is() -> None:
    p = np.array([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7], [0.2, 0.8]])
    ours = Predictions(np.array([1, 1, 0, 0]), np.log(p), names=lambda indices: [f"{i}.png" for i in indices])
    found = judge(ours, None, [], ("a", "b"))["mistakes"]
    assert [(one["index"], one["name"], one["predicted"], one["true"]) for one in found] == [
        (3, "3.png", "b", "a"),
        (2, "2.png", "b", "a"),
        (0, "0.png", "a", "b"),
    ]
    assert found[0]["probability"] == pytest.approx(0.8)
    assert found[0]["probability_of_true"] == pytest.approx(0.2)
    many = judge(rightly(300, 0), None, [], CLASSES)["mistakes"]
    assert [one["index"] for one in many] == list(range(24))


def test_the_temperature_is_the_validation_parts_and_its_gain_the_test_parts() -> None:
    generator = np.random.default_rng(0)

    def drawn(n: int) -> Predictions:  # three times as sure as it may be
        logits = generator.normal(0, 1.5, (n, 3))
        targets = (logits + generator.gumbel(size=(n, 3))).argmax(1)
        sharp = 3 * logits
        return Predictions(targets, sharp - np.log(np.exp(sharp).sum(1, keepdims=True)))

    found = judge(drawn(2000), drawn(2000), [], CLASSES)["calibration"]
    assert found["temperature"] == pytest.approx(3, rel=0.1)
    gain = found["gain"]["log_loss"]
    assert gain["high"] < 0
    assert gain["verdict"] == "beats"
    before, after = found["before"], found["after"]
    assert after["equal_width"]["ece"] < after["calibrated"]["bound"]
    assert before["equal_width"]["ece"] > before["calibrated"]["bound"]
    assert sum(before["equal_mass"]["counts"]) == 2000


@pytest.mark.parametrize(
    ("held", "why"),
    [(None, "no validation part"), (rightly(30, 30), "every example is predicted rightly"), (rightly(30, 0), "chance")],
)
def test_no_temperature_is_said_with_its_reason(held: Predictions | None, why: str) -> None:
    result = told(judge(rightly(60, 50), held, [], CLASSES))
    assert result["calibration"]["temperature"] is None
    assert why in result["calibration"]["why_none"]
    assert why in table(result)


def test_groups_are_what_is_drawn() -> None:
    targets = [i % 3 for i in range(60)]
    ours = sure(targets, targets, groups=[i // 20 for i in range(60)])
    result = judge(ours, None, [], CLASSES)
    assert (result["units"], result["num_units"]) == ("groups", 3)
    assert result["metrics"]["accuracy"]["low"] == pytest.approx(1 - 1.96**2 / (3 + 1.96**2), abs=1e-3)
    assert any("over 3 groups" in note for note in result["notes"])


def test_intervals_of_recall_are_over_groups_too() -> None:
    targets = [i % 3 for i in range(600)]
    predicted = [(target + 1) % 3 if i < 60 and target == 1 else target for i, target in enumerate(targets)]
    alone, grouped = (sure(targets, predicted, groups=groups) for groups in (None, [i // 60 for i in range(600)]))
    widths = []
    for ours in (alone, grouped):
        cat, dog, fox = judge(ours, None, [], CLASSES)["per_class"]
        assert dog["recall"] == pytest.approx(0.9)
        assert dog["recall_low"] < 0.9 < dog["recall_high"]
        widths.append(dog["recall_high"] - dog["recall_low"])
    assert widths[1] > 2 * widths[0]  # all mistakes are of one group in ten
    assert cat["recall"] == fox["recall"] == 1
    assert cat["recall_low"] is None  # as many groups without a mistake tell
    assert "dog (90.0 % of 200, 70 to 100)" in table(told(judge(grouped, None, [], CLASSES)))


@pytest.mark.parametrize("targets", [[0], [0, 0, 0], [2, 2]])
def test_one_example_or_one_class_is_judged_without_a_warning(targets: list[int]) -> None:
    ours = sure(targets, [0] * len(targets))
    result = told(judge(ours, ours, [rival("majority", sure(targets, [1] * len(targets)))], CLASSES))
    json.dumps(result, allow_nan=False)
    assert "too few examples to tell" in result["verdict"]
    assert "no test example of" in table(result)


# ----------------------------------------------------------------------------------------------------------------------


def test_a_network_is_judged_beside_its_rivals_on_digits() -> None:
    train, validation, test = digits(700)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))  # knows nothing
    found = rivals(train, validation, test, task="classes", num_classes=10)
    classes = tuple("0123456789")
    result = told(judge(predict_part(model, test), predict_part(model, validation), found, classes))
    assert "loses to" in result["verdict"]
    assert "by heart" in result["advice"]
    text = table(result, 100)
    assert max(map(len, text.splitlines())) <= 100
    for name in ("network", "majority", "k nearest neighbours", "logistic regression", "gradient-boosted trees"):
        assert f"\n{name}" in text
    assert result["verdict"][:50] in text
    assert set(on_training(model, train)) == {"loss", "accuracy", "examples"}


def test_numbers_are_judged_by_their_errors_and_quantiles() -> None:
    train, validation, test = numbers()

    class Known(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 3 * x[:, :1] + (x[:, 1:2] / 100).abs()

    found = rivals(train, validation, test, task="number")
    result = told(judge(predict_part(Known(), test), predict_part(Known(), validation), found))
    metrics = result["metrics"]
    assert metrics["rmse"]["value"] == pytest.approx(0.3, rel=0.2)
    assert metrics["r2"]["value"] > 0.98
    assert metrics["coverage"]["low"] < 0.9 < metrics["coverage"]["high"]
    assert "rmse" in result["rivals"][0]["difference"]
    assert "coverage" not in result["rivals"][0]["difference"]  # 99 % is no better than the 90 that are promised
    assert result["quantiles"]["0.05"] == pytest.approx(-1.645 * 0.3, abs=0.1)
    assert metrics["pinball_05"]["value"] < result["rivals"][0]["metrics"]["pinball_05"]["value"]
    assert "beats every rival, the strongest, gradient-boosted trees" in result["verdict"]
    assert abs(result["mistakes"][0]["error"]) >= abs(result["mistakes"][1]["error"])
    assert "Largest errors: row " in table(result)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_too_few_to_calibrate_quantiles_and_constant_targets_are_said() -> None:
    flat = Predictions(np.full(40, 2.0), values=np.random.default_rng(0).normal(2, 1, 40))
    held = Predictions(np.zeros(10), values=np.linspace(-1, 1, 10))
    result = told(judge(flat, held, []))
    assert result["metrics"]["r2"] == {"value": None, "low": None, "high": None}
    assert any("no variance to explain" in note for note in result["notes"])
    assert result["quantiles"]["0.05"] is None
    assert set(result["metrics"]) == {"rmse", "mae", "r2", "pinball_50"}
    assert "R² –" in table(result)


def test_large_numbers_are_written_out() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(2e5, 5e4, 200)
    ours, theirs = (Predictions(truth, values=truth + generator.normal(0, size, 200)) for size in (9e3, 2e4))
    text = table(told(judge(ours, None, [rival("line", theirs)])))
    assert "e+0" not in text
    assert re.search(r"The network \(RMSE \d,\d{3}, from \d,\d{3} to ", text)
