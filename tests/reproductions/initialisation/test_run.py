"""The initialisation reproduction whole, on tiny networks; its rows and its page."""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import glassworks.reproductions.initialisation.run as initialisation
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import read_sealed_json
from glassworks.core.runs import Run
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.initialisation import deep, shortcuts
from glassworks.reproductions.initialisation.rows import middle_factor, rank_agreement
from glassworks.trace.trace import Trace

TINY = initialisation.Size((2, 4), (1, 2), (0.5, 1.76), 8, 12, 2, 0.1)
RNG = random.Random(0)
WORDS = ["".join(RNG.choices("abc", k=RNG.randint(1, 5))) for _ in range(60)]
HEADINGS = ["The chain of fixes", "Signals in deep networks", "How deep each scheme trains"]
HEADINGS += ["The edge of chaos", "Shortcuts"]


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(initialisation, "QUICK", TINY)
        patches.setattr(deep, "RATES", (0.1, 0.01))
        patches.setattr(shortcuts, "RATES", (0.1,))
        yield


@pytest.fixture(scope="module")
def done(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "initialisation"
    return folder, initialisation.run(WORDS, quick=True, folder=folder, steps=3)


def test_the_finding_is_saved_as_it_is_returned_and_every_figure_is_measured(done: tuple[Path, Finding]) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    assert len({row.what for row in found.rows}) == len(found.rows)
    assert all(row.ours is not None or row.note.startswith("no loss was finite") for row in found.rows)
    assert found.quick
    dev = [row.published for row in found.rows if row.what.endswith(": dev")]
    assert dev == [2.1682, 2.13, 2.1027, 2.1070, 2.1048]
    assert not any(row.verdict for row in found.rows if row.what.endswith((": dev", ": train")))
    assert any("OTHER DATA: 60 words" in note for note in found.notes)


def test_the_page_shows_every_part(done: tuple[Path, Finding]) -> None:
    page = write_finding_page(done[0]).read_text(encoding="utf-8")
    text = re.sub(r"<style.*?</style>|<script.*?</script>|data-hover='.*?'", "", page, flags=re.DOTALL)
    assert [heading for heading in HEADINGS if f"<h2>{heading}</h2>" in text] == HEADINGS
    assert ">nan<" not in text
    assert "{steps}" not in text
    assert "the deepest network that trains, of up to 4 layers" in text
    schemes = re.search(r"<figure>(?:(?!<figure).)*?tanh: the deepest network", text, re.DOTALL)
    assert schemes is not None
    assert ">orthogonal</text>" in schemes[0]
    assert "thread" not in schemes[0]  # schemes have no order that a line could follow


def test_traces_are_drawn_by_their_legends_alone(done: tuple[Path, Finding]) -> None:
    for name in ("signals", "depths", "variances", "shortcuts"):
        assert Trace.load(done[0] / "traces" / name)._repr_html_()
    signals = Trace.load(done[0] / "traces" / "signals").arrays
    assert signals["forward"].shape == (2, 5, 8)
    assert signals["backward_theory"][..., -1] == pytest.approx(signals["backward"][..., -1])


def test_it_goes_on_where_it_was_stopped_and_computes_nothing_twice(
    done: tuple[Path, Finding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(done[0], folder)
    (folder / "evals" / "shortcuts_he_1.json").unlink()
    (folder / "finding.json").unlink()
    asked: list[str] = []
    told = initialisation.told
    monkeypatch.setattr(initialisation, "told", lambda result: (asked.append("one"), told(result))[1])
    assert initialisation.run(WORDS, quick=True, folder=folder, steps=3) == done[1]
    assert asked == ["one"]


def test_without_words_there_is_no_chain(
    done: tuple[Path, Finding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, kept = tmp_path / "without", Run(done[0])

    def measured(opened: Run, name: str, part: object) -> object:
        return read_sealed_json(kept.eval_path(name), "")["result"]

    monkeypatch.setattr(initialisation, "measured", measured)
    found = initialisation.run(quick=True, folder=folder, steps=3)
    assert not [row for row in found.rows if row.what.endswith((": dev", ": train", ": first batch"))]
    assert all(row.ours is not None or row.note.startswith("no loss was finite") for row in found.rows)
    assert any("Without the chain of fixes: give a file of words" in note for note in found.notes)
    assert "The chain of fixes" not in write_finding_page(folder).read_text(encoding="utf-8")


def test_other_settings_and_damaged_parts_are_refused(done: tuple[Path, Finding], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"was begun with other settings .*choose another --name"):
        initialisation.run(WORDS[:30], quick=True, folder=done[0], steps=3)
    folder = tmp_path / "damaged"
    shutil.copytree(done[0], folder)
    (folder / "evals" / "variance_0.json").write_text("{", encoding="utf-8")
    with pytest.raises(FileDamaged, match="delete it"):
        initialisation.run(WORDS, quick=True, folder=folder, steps=3)


@pytest.mark.parametrize(
    ("settings", "message"), [({"steps": 1}, r"steps \(=1\) must be at least 2"), ({"seed": -1}, r"seed \(=-1\) must")]
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        initialisation.run(WORDS, folder=tmp_path / "x", **settings)
    assert not (tmp_path / "x").exists()


def test_the_factor_a_layer_is_that_of_a_straight_line_and_nothing_where_the_gradient_is_gone() -> None:
    assert middle_factor(0.5 ** np.arange(20.0)[::-1]) == pytest.approx(0.5)
    assert middle_factor(np.zeros(8)) is None


def test_agreement_of_orders_is_1_of_the_same_0_of_the_opposite_and_a_half_of_ties() -> None:
    theory = np.array([1.0, 2.0, 2.0, 9.0])
    assert rank_agreement(theory, theory) == 1
    assert rank_agreement(-theory, theory) == 0
    assert rank_agreement(np.zeros(4), theory) == 0.5
