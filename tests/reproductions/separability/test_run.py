"""The reproduction whole, with few points and networks: what is kept, compared and drawn."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import glassworks.reproductions.separability.run as separability
from glassworks.core.errors import FileDamaged, RunError
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.separability.layers import ARMS
from glassworks.reproductions.separability.legends import COVER, LABELS
from glassworks.reproductions.separability.rows import difference, width_for
from glassworks.trace.trace import Trace


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        for name, value in {
            "EACH": 8,
            "QUICK_LOW": (5, 10, 30),
            "QUICK_HIGH": (5, 30),
            "QUICK_SHARES": (0.2, 0.5, 1.2),
            "QUICK_REACHES": (0.0, 1.0),
            "REACH_WIDTH": 10,
            "RANKS": 3,
        }.items():
            patches.setattr(separability, name, value)
        yield


@pytest.fixture(scope="module")
def done(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "separability"
    return folder, separability.run(folder=folder, quick=True, steps=6)


def test_the_finding_is_saved_as_it_is_returned(done: tuple[Path, Finding]) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    assert len({row.what for row in found.rows}) == len(found.rows)


def test_shares_rise_to_one_and_stand_within_their_intervals(done: tuple[Path, Finding]) -> None:
    for name in ("low", "high", "data"):
        trace = Trace.load(done[0] / "traces" / name)
        assert trace.labels["network"] == [*ARMS, COVER]
        shares = trace.arrays["separable"]
        assert (trace.arrays["low"] <= shares + 1e-12).all()
        assert (shares <= trace.arrays["high"] + 1e-12).all()
        assert (shares[: len(ARMS), -1] >= shares[: len(ARMS), 0]).all()
        assert trace.meta["points"] == 24
    assert shares[-1, -1] == 1.0  # more dimensions than points


def test_biases_that_reach_nowhere_are_the_same_by_both_laws(done: tuple[Path, Finding]) -> None:
    shares = Trace.load(done[0] / "traces" / "reach").arrays["separable"]
    assert shares[0, 0] == shares[1, 0]


def test_it_goes_on_where_it_was_stopped(done: tuple[Path, Finding], tmp_path: Path, small: None) -> None:
    folder = tmp_path / "again"
    whole = {path.name: path.read_text() for path in (done[0] / "cells" / "low").iterdir()}
    separability.run(folder=folder, quick=True, steps=6)
    (folder / "cells" / "low" / "width-10.json").unlink()
    (folder / "cells" / "high" / "width-5.json").write_text(
        json.dumps({"trials": 6, "separable": dict.fromkeys(ARMS, 6), "close": 0})
    )
    again = separability.run(folder=folder, quick=True, steps=6)
    assert {path.name: path.read_text() for path in (folder / "cells" / "low").iterdir()} == whole
    assert again != done[1]  # what was there already was read, and not measured again


def test_cells_that_are_damaged_or_of_other_trials_are_refused_by_name(
    done: tuple[Path, Finding], tmp_path: Path, small: None
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(done[0], folder)
    path = folder / "cells" / "low" / "width-5.json"
    for text, says in (("{}", "width-5.json is no cell"), (json.dumps(cell(9)), "is of 9 trials")):
        path.write_text(text)
        with pytest.raises(FileDamaged, match=says):
            separability.run(folder=folder, quick=True, steps=6)


def cell(trials: int) -> dict[str, object]:
    return {"trials": trials, "separable": dict.fromkeys(ARMS, 1), "close": 0}


def test_a_folder_of_other_settings_is_refused(done: tuple[Path, Finding]) -> None:
    with pytest.raises(RunError, match="begun with other settings"):
        separability.run(folder=done[0], quick=True, steps=7)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"steps": 1}, r"steps \(=1\) must be at least 2"), ({"seed": -1}, r"seed \(=-1\) must be at least 0")],
)
def test_settings_that_cannot_be(settings: dict[str, int], says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        separability.run(folder=tmp_path / "none", **settings)
    assert not (tmp_path / "none").exists()


def test_a_table_of_classes_is_data(small: None, tmp_path: Path) -> None:
    points = separability.opened("moons", tmp_path, 0)
    assert points.x.shape == (24, 2)
    assert (points.y == 1).sum() == 12


def test_widths_lie_between_those_that_were_tried_and_differences_have_their_errors() -> None:
    trace = Trace(
        "low",
        {"separable": np.array([[0.0, 0.9, 1.0], [0.0, 0.5, 0.6]])},
        {"separable": ("network", "width")},
        {"network": ["one layer", LABELS], "width": ["10", "20", "30"]},
        {"trials": 100},
    )
    assert width_for(trace, "one layer") == pytest.approx(25)
    assert width_for(trace, LABELS) is None
    gain, error = difference(trace, "one layer", LABELS)
    assert gain == pytest.approx(0.8 / 3)
    assert error == pytest.approx(np.sqrt((0.09 + 0.25 + 0.24) / 100) / 3)


def test_the_page_shows_every_set_and_what_is_advised(done: tuple[Path, Finding]) -> None:
    text = write_finding_page(done[0]).read_text()
    for heading in ("Spheres in 2 dimensions", "Spheres in 100 dimensions", "Digits", "The range of the biases"):
        assert heading in text
    assert text.count("<svg") >= 4
    assert "{trials" not in text
    assert ">nan" not in text.lower()
    assert "advised" in text
