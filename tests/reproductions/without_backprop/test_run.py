"""Learning without backpropagation, repeated with few passes: what is kept, compared and drawn."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassworks.reproductions.without_backprop.run as without_backprop
from glassworks.core.errors import FileDamaged, RunError
from glassworks.data.labelled.prepare import Labelled
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.catalogue import METHODS
from glassworks.optim.functions import FUNCTIONS
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.without_backprop import contest
from glassworks.reproductions.without_backprop.contest import Budget, Entry, Score
from glassworks.reproductions.without_backprop.rows import STOPS, contest_rows, suite_rows
from glassworks.reproductions.without_backprop.suite import FAMILIES, Tried, minimised, solved, stops, suite
from glassworks.reproductions.without_backprop.traces import contest_trace, suite_trace
from glassworks.trace.trace import Trace

WAYS = {name: without_backprop.METHODS[name] for name in ("adamw", "openai_es", "random_search", "hill_climbing")}


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(without_backprop, "METHODS", WAYS)
        patches.setattr(without_backprop, "QUICK_DIMENSIONS", (2, 5))
        patches.setattr(without_backprop, "QUICK_EVALUATIONS", 60)
        patches.setattr(without_backprop, "QUICK_SECONDS", 0.2)
        patches.setattr(without_backprop, "SMALL_SHARE", 1.0)
        yield


@pytest.fixture(scope="module")
def done(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "without-backprop"
    return folder, without_backprop.run(folder=folder, quick=True, steps=130)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """scikit-learn's digits."""
    return without_backprop.opened("digits", tmp_path_factory.mktemp("digits"))


def test_every_method_has_its_row_and_the_gradient_is_ahead(done: tuple[Path, Finding]) -> None:
    trace = Trace.load(done[0] / "traces" / "contest")
    assert sorted(trace.labels["method"]) == sorted(WAYS)
    assert trace.labels["method"][0] == "adamw"
    assert (np.diff(trace.arrays["by_passes"]) >= 0).all()
    rows = {row.what: row for row in done[1].rows}
    assert all(f"error after as many passes: {name}" in rows for name in WAYS)
    assert all(f"error after as much time of 90 weights: {name}" in rows for name in WAYS)


def test_each_family_has_the_dimensions_that_its_best_gets_to(done: tuple[Path, Finding]) -> None:
    rows = {row.what.removeprefix(STOPS): row for row in done[1].rows if row.what.startswith(STOPS)}
    assert set(rows) == {family for family, members in FAMILIES.items() if set(members) & set(WAYS)}
    trace = Trace.load(done[0] / "traces" / "suite")
    solved = dict(zip(trace.labels["method"], trace.arrays["solved_coarsely"], strict=True))
    for family, row in rows.items():
        best = np.max([solved[name] for name in FAMILIES[family] if name in solved], 0)
        assert row.ours == max((d for d, share in zip((2, 5), best, strict=True) if share >= 0.5), default=0)
        assert (row.note == "in none of those tried") == (row.ours == 0)


def test_every_search_is_of_one_family() -> None:
    searches = [name for name, method in METHODS.items() if method.kind == "search"]
    assert sorted([*searches, "adamw"]) == sorted(name for family in FAMILIES.values() for name in family)


def test_no_method_takes_more_passes_than_another(done: tuple[Path, Finding]) -> None:
    trace = Trace.load(done[0] / "traces" / "contest")
    cost = dict(zip(trace.labels["method"], trace.arrays["cost"], strict=True))
    assert 2 < cost["adamw"] < 2.2  # the gradient of pixels is not asked for, else it were 3
    assert cost["openai_es"] == 65
    assert cost["hill_climbing"] == 2


def test_what_is_finished_is_read_again(done: tuple[Path, Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.reproductions.without_backprop.contest.entry", None)
    monkeypatch.setattr("glassworks.reproductions.without_backprop.suite.of_dimension", None)
    assert without_backprop.run(folder=done[0], quick=True, steps=130) == done[1]


def test_ctrl_c_keeps_what_is_finished(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = list[str](), contest.entry

    def entry(name: str, *others: Any) -> contest.Entry:
        asked.append(name)
        if asked.count("openai_es") == 1 and name == "openai_es":
            raise KeyboardInterrupt
        return real(name, *others)

    monkeypatch.setattr(contest, "entry", entry)
    with pytest.raises(KeyboardInterrupt):
        without_backprop.run(folder=tmp_path / "r", quick=True, steps=9)
    assert sorted(path.name for path in (tmp_path / "r" / "contest").iterdir()) == ["adamw.json"]
    found = without_backprop.run(folder=tmp_path / "r", quick=True, steps=9)
    assert asked.count("adamw") == 2  # of the network, and of the small one
    assert found.quick


def test_a_training_that_diverges_has_what_a_guess_has_wrong(examples: Labelled) -> None:
    config = VisionConfig("mlp", examples.shape, len(examples.classes), width=4, depth=1)
    model, spent = contest.trained("sgd", examples, config, 20, rate=1e30)
    assert model is None
    assert spent > 0
    assert 0.85 < contest.wrong(model, examples.test, examples) < 0.95


def test_a_step_of_a_rule_costs_what_it_multiplies_and_of_a_search_what_it_looks_at(examples: Labelled) -> None:
    names = "sgd", "feedback_alignment", "target_propagation", "mezo", "pgpe"
    config = VisionConfig("mlp", examples.shape, len(examples.classes), width=16, depth=1)
    cost = {name: contest.cost(name, examples, config) for name in names}
    hidden, last = 64 * 16, 16 * 10
    assert cost["sgd"] == pytest.approx((2 * hidden + 3 * last) / (hidden + last))
    assert cost["feedback_alignment"] >= cost["sgd"]
    assert cost["target_propagation"] > cost["sgd"]
    assert cost["mezo"] == 3
    assert cost["pgpe"] == 65


def test_what_is_for_few_weights_is_refused_by_the_network_and_compared_on_the_small_one(examples: Labelled) -> None:
    entries = {}
    for width in (32, 1):
        config = VisionConfig("mlp", examples.shape, len(examples.classes), width=width, depth=1)
        entries[width] = contest.entry("cobyqa", examples, config, contest.Budget(70, 0.01, 1, 1))
    assert "100 at most" in entries[32].refused
    assert not entries[1].refused


def test_a_folder_with_other_settings_is_refused(done: tuple[Path, Finding]) -> None:
    with pytest.raises(RunError, match="other settings"):
        without_backprop.run(folder=done[0], quick=True, steps=140)


def test_the_page_draws_both_traces(done: tuple[Path, Finding]) -> None:
    text = write_finding_page(done[0]).read_text(encoding="utf-8")
    assert "Where each family stops working" in text
    assert "language model without a gradient" not in text  # of a quick run
    assert ">nan<" not in text
    assert "{passes" not in text
    assert "{evaluations" not in text
    assert "{untrained" not in text


def test_data_without_classes_and_too_few_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps .=2. must be at least 3"):
        without_backprop.run(folder=tmp_path / "r", steps=2)
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i * 1.5}\n" for i in range(60)), encoding="utf-8")
    with pytest.raises(ValueError, match="give examples of classes|target"):
        without_backprop.run(str(tmp_path / "t.csv"), folder=tmp_path / "r")


def test_a_gradient_finds_the_sphere_and_random_search_does_not() -> None:
    found = {name: minimised(name, FUNCTIONS["sphere"], 50, 600, 0) for name in ("sep_cma_es", "random_search")}
    assert found["sep_cma_es"] < 0.1 < found["random_search"] <= 1


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.kind == "search"])
def test_every_search_takes_every_function_of_two_numbers(name: str) -> None:
    if name == "bobyqa":
        pytest.importorskip("pybobyqa")
    assert all(minimised(name, function, 2, 60, 0) <= 1.0 for function in FUNCTIONS.values())


def test_a_method_that_is_refused_everywhere_neither_falls_nor_has_a_row() -> None:
    left = np.ones((2, 2, len(FUNCTIONS), 1))
    left[1] = np.nan
    rows = list(suite_rows(suite_trace(Tried(("snes", "bobyqa"), (2, 10), left), 60)))
    assert rows[0].ours == 1.0
    assert not any("bobyqa" in row.what for row in rows)


def test_a_method_whose_single_step_takes_longer_has_no_error_at_equal_time() -> None:
    score = Score(1, 300.0, 5.0, 0.5)
    slow, quick = (
        Entry("cobyqa", "", 1.0, (score,), (score,)),
        Entry("snes", "", 1.0, (score,), (replace(score, seconds=1.0),)),
    )
    trace = contest_trace("contest", [slow, quick], Budget(300, 1.0, 1), weights=90, test=100, untrained=0.9)
    by_time = dict(zip(trace.labels["method"], trace.arrays["by_time"], strict=True))
    assert np.isnan(by_time["cobyqa"])
    assert by_time["snes"] == 0.5
    assert [row.what for row in contest_rows(trace) if "time" in row.what] == ["error after as much time: snes"]


def test_evaluations_are_counted_to_the_last_one() -> None:
    once = minimised("hill_climbing", FUNCTIONS["sphere"], 3, 1, 0)
    assert once == pytest.approx(1)  # the start alone has been seen


def test_what_is_refused_is_not_solved_but_nothing() -> None:
    left = np.array([[[[0.05, 1.0]], [[np.nan, np.nan]]]])
    assert solved(Tried(("a",), (2, 9), left), 0.1) == pytest.approx(np.array([[0.5, np.nan]]), nan_ok=True)


def test_a_method_stops_where_it_solves_less_than_half_for_the_last_time() -> None:
    assert stops(np.array([1.0, 0.6, 0.5, 0.1, np.nan])) == 2
    assert stops(np.array([0.1, np.nan])) is None


def test_methods_that_keep_the_square_of_dimensions_are_left_out_beyond_some() -> None:
    with pytest.raises(ValueError, match="too many for cma_es: at most 100"):
        minimised("cma_es", FUNCTIONS["sphere"], 200, 10, 0)


def test_a_damaged_file_of_the_suite_is_named(tmp_path: Path) -> None:
    (tmp_path / "random_search.json").write_text('{"left": [[1.0]]}', encoding="utf-8")
    with pytest.raises(FileDamaged, match="random_search.json"):
        suite(tmp_path, ["random_search"], [2], 10, 1, tuned=False)
