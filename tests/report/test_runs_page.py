"""The page of several runs' curves: whatever the runs hold."""

import re
from typing import Any

from glassworks.report.contents import Contents
from glassworks.report.runs_page import page

RECIPE = {"data": "a.txt", "batch_size": 2, "model": {"n_ctx": 8}}


def contents(name: str, bits: float | None, recipe: dict[str, Any] = RECIPE) -> Contents:
    metrics = [
        {"step": step, "loss": 5.0 - step, "seconds": 0.5 * step, "tokens_per_s": 32.0, "val_bits_per_byte": 4.0 - step}
        for step in (1, 2, 3)
    ]
    held_out = None if bits is None else {"bits_per_byte": bits, "bits_per_byte_se": 0.01}
    return Contents(name, record={"recipe": recipe}, metrics=metrics, held_out=held_out)


def test_the_best_run_stands_first_and_those_without_a_score_last() -> None:
    html = page([contents("second", 2.5), contents("never measured", None), contents("first", 1.5)])
    assert re.findall(r'<th scope="row">([^<]+)</th>', html) == ["first", "second", "never measured"]
    assert "1.500<small> ± 0.010</small>" in html


def test_every_run_is_a_line_of_its_own_colour_in_every_chart() -> None:
    html = page([contents("a", 2.0), contents("b", 3.0)])
    assert html.count('class="chart"') == 4
    for i, name in enumerate("ab"):
        assert html.count(f'<i class="key line{i} line"></i>{name}</span>') == 4
    assert "step 3" in html  # what hovering says


def test_scores_on_different_texts_are_said_not_to_compare() -> None:
    other = contents("b", 2.0, RECIPE | {"data": "b.txt"})
    apart = page([contents("a", 2.5), other])
    assert (
        "These runs were measured on different held-out texts, so their scores say nothing of which is better" in apart
    )
    assert re.findall(r'<th scope="row">([^<]+)</th>', apart) == ["a", "b"]  # as they were given
    assert "different held-out texts" not in page([contents("a", 2.0), contents("b", 2.0)])


def test_a_run_that_has_done_nothing_yet_and_no_runs_at_all_are_pages_too() -> None:
    assert "No run has logged a step yet" in page([Contents("new")])
    assert "0 runs" in page([])


def test_names_cannot_break_the_page() -> None:
    assert "<script>alert" not in page([contents("<script>alert(1)</script>", 2.0)])
