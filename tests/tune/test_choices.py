"""What a person chose is tuned on where it lies, and a run keeps what had been chosen when it was begun."""

from pathlib import Path

import pytest
from tests.tune.models import preferred, rows_file, small_base

from glassworks.core.runs import Run
from glassworks.data.choices import runs
from glassworks.data.choices.formats.table import read_into
from glassworks.data.choices.store import Store
from glassworks.data.dialogues.read import read_rows, store_of
from glassworks.tune.material import material_of
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import start, tune


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_base(tmp_path_factory.mktemp("choices"), steps=2)


def filled(root: Path, count: int) -> Path:
    where = root / "choices.db"
    file = Path(rows_file(root / f"rows{count}.jsonl", preferred(count)))
    read_into(Store(where), file, "somebody")
    return where


def test_choices_are_the_rows_that_were_chosen(tmp_path: Path) -> None:
    where = filled(tmp_path, 20)
    unique = {row["prompt"]: row for row in preferred(20)}
    found = list(read_rows([str(where)]))
    assert {row["prompt"]: row for row in found} == unique
    labels = [row["label"] for row in read_rows([f"{where}:unpaired"])]
    assert sum(labels) * 2 == len(labels) == 2 * len(found)
    with pytest.raises(ValueError, match="has no choice of which rewrites rows can be made"):
        list(read_rows([f"{where}:rewrites"]))
    assert store_of("a.db") == ("a.db", "preference")
    assert store_of("postgresql://me@here/db:unpaired") == ("postgresql://me@here/db", "unpaired")
    assert store_of("a.jsonl") is None
    runs.begin(tmp_path / "run", command=[], settings={})
    assert store_of(str(tmp_path / "run")) == (str(tmp_path / "run" / "choices.sqlite"), "preference")
    assert store_of(f"{tmp_path / 'run'}:unpaired") == (str(tmp_path / "run" / "choices.sqlite"), "unpaired")


def test_a_run_keeps_what_had_been_chosen_when_it_was_begun(base: Run, tmp_path: Path) -> None:
    where = filled(tmp_path, 10)
    recipe = TuneRecipe(start_from=str(base.path), data=str(where), method="dpo", steps=2, device="cpu", held_out=0.3)
    run = start(base.path.parent / "early", recipe, [])
    before = material_of(run).examples
    filled(tmp_path, 30)
    assert tune(run)
    assert material_of(run).examples.train == before.train
    late = material_of(start(base.path.parent / "late", recipe, [])).examples
    assert len(late.train) + len(late.held_out) > len(before.train) + len(before.held_out)
