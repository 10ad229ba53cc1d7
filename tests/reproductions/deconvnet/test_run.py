"""The deconvnet reproduction whole, on a few small pictures and for a few steps; its rows and its page."""

import re
import shutil
import struct
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

import glassworks.reproductions.deconvnet.run as deconvnet
import glassworks.reproductions.deconvnet.training as training
from glassworks.core.errors import FileDamaged, RunError
from glassworks.interpret.images.removal import Variant
from glassworks.models.io import read_tensors
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.deconvnet.network import AS_BEGUN, MENDED, READERS, REMOVED
from glassworks.reproductions.deconvnet.rows import CORRESPONDENCE, reading_rows
from glassworks.reproductions.finding import Finding
from glassworks.trace.trace import Trace

STEPS = 5
HEADINGS = (
    "Before and after",
    "The measure",
    "What the mend is worth",
    "The second layer, before and after",
    "How features come to be",
    "Which layers it needs",
    "The same part in different images",
)
BETTER = "the mended network is better by more than its interval"


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(deconvnet, "EXAMPLES", (120, 40))
        patches.setattr(deconvnet, "QUICK_SEEDS", (1, 1))
        patches.setattr(deconvnet, "LOOKED_AT", 12)
        patches.setattr(training, "BATCH", 8)
        yield


@pytest.fixture(scope="module")
def done(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "deconvnet"
    return folder, deconvnet.run(folder=folder, steps=STEPS, quick=True)


@pytest.fixture
def copy(done: tuple[Path, Finding], tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(done[0].parent, tmp_path / "runs")
    return tmp_path / "runs" / "deconvnet"


def test_the_finding_is_saved_as_it_is_returned_and_every_figure_is_measured(done: tuple[Path, Finding]) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    assert len({row.what for row in found.rows}) == len(found.rows)
    assert all(row.ours is not None for row in found.rows)
    published = [row.published for row in found.rows if row.what.startswith("sign change")]
    assert published == list(CORRESPONDENCE.values())


def test_all_that_was_looked_at_is_kept_and_finite_where_it_is_a_figure(done: tuple[Path, Finding]) -> None:
    first = Trace.load(done[0] / "traces" / "first_layers")
    assert first.labels["variant"] == list(READERS)
    for name in ("dead", "aliased", "spread"):
        assert np.isfinite(first.arrays[name]).all()
    aliased = first.arrays["aliased"][1]
    assert aliased[0] > 2 * aliased[3]  # of untrained networks, by their strides alone
    table = Trace.load(done[0] / "traces" / "removal")
    assert table.labels["variant"][1:] == list(REMOVED)


def test_a_stopped_reproduction_goes_on_to_the_same_networks(
    done: tuple[Path, Finding], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (copy / "networks" / "without-fc7-seed-0", copy / "traces"):
        shutil.rmtree(path)
    (copy / "finding.json").unlink()

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(training, "predictions_right", stop)
        with pytest.raises(KeyboardInterrupt):
            deconvnet.run(folder=copy, steps=STEPS, quick=True)
    assert not (copy / "networks" / "without-fc7-seed-0").exists()
    assert not list((copy / "networks").glob(".*"))
    assert deconvnet.run(folder=copy, steps=STEPS, quick=True) == done[1]
    file = Path("networks") / "without-fc7-seed-0" / "model.safetensors"
    first, second = (read_tensors(at / file) for at in (done[0], copy))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_damaged_network_is_refused_by_name(copy: Path) -> None:
    folder = copy / "networks" / "without-fc7-seed-0"
    shutil.copy(copy / "networks" / "7-x-7-stride-2-seed-0" / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(FileDamaged, match=r"does not hold this network's weights: delete the folder .*without-fc7"):
        deconvnet.run(folder=copy, steps=STEPS, quick=True)


def test_other_settings_and_impossible_ones_are_refused(
    done: tuple[Path, Finding], small: None, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="steps 5, now 6.*choose another --name"):
        deconvnet.run(folder=done[0], steps=STEPS + 1, quick=True)
    new = tmp_path / "new"
    for settings, message in (
        ({"steps": 1}, r"steps \(=1\) must be at least 2"),
        ({"seed": -1}, r"seed \(=-1\) must be at least 0"),
        ({"data": "moons"}, r"moons"),
    ):
        with pytest.raises(ValueError, match=message):
            deconvnet.run(folder=new, **settings)  # type: ignore[arg-type]
    assert not (new / "run.json").exists()


def test_other_images_have_no_known_parts(small: None, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for name, count in (("train", 60), ("t10k", 20)):
        images, labels = draw.integers(0, 256, (count, 16, 16), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 3
        for kind, code, array in (("images-idx3", 3, images), ("labels-idx1", 1, labels)):
            head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, code, *array.shape)
            (tmp_path / "data" / f"{name}-{kind}-ubyte").write_bytes(head + array.tobytes())
    folder = tmp_path / "runs" / "other"
    found = deconvnet.run(str(tmp_path / "data"), folder=folder, steps=2, quick=True)
    missing = {row.what for row in found.rows if row.ours is None}
    assert len(missing) == len(CORRESPONDENCE) + 2
    assert all(what.startswith(("sign change", "parts over")) for what in missing)
    assert "The same part in different images" not in write_finding_page(folder).read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------------------
# Rows and page


def readers(before: float, after: float, number: int = 400) -> dict[str, Variant]:
    """Variants of two runs with such accuracies, as begun and mended."""
    found = {}
    for name in READERS:
        share = after if name == MENDED else before
        correct = np.stack([np.arange(number) < share * number] * 2)
        found[name] = Variant.of(correct, 10)
    return found


@pytest.mark.parametrize(("before", "after", "holds"), [(0.7, 0.8, 1.0), (0.8, 0.8025, 0.0), (0.8, 0.7, 0.0)])
def test_better_is_claimed_only_beyond_the_interval(
    before: float, after: float, holds: float, done: tuple[Path, Finding]
) -> None:
    first = Trace.load(done[0] / "traces" / "first_layers")
    rows = {row.what: row for row in reading_rows(first, readers(before, after))}
    assert rows[BETTER].ours == holds
    assert rows[f"error: {AS_BEGUN}"].ours == pytest.approx(1 - before)
    assert rows["error less, mended against as begun"].ours == pytest.approx(after - before)


class Closing(HTMLParser):
    """Whether every tag that opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "br", "hr", "img", "line", "rect", "path", "circle", "input", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


def test_the_page_shows_all_parts_and_says_no_more_than_was_found(done: tuple[Path, Finding]) -> None:
    text = write_finding_page(done[0]).read_text(encoding="utf-8")
    for heading in HEADINGS:
        assert f"<h2>{heading}</h2>" in text
    better = next(row for row in done[1].rows if row.what == BETTER)
    assert ("by more than its interval" in text.partition("</header>")[0]) == bool(better.ours)
    assert not re.search(r"(src|href)=.?(http|//)(?!s://arxiv)", text)
    parser = Closing()
    parser.feed(text)
    assert parser.open == []


@pytest.mark.slow
def test_the_quick_run_sees_the_aliasing_and_the_mended_network_is_better(tmp_path: Path) -> None:
    found = deconvnet.run(folder=tmp_path / "deconvnet", quick=True)
    ours = {row.what: row.ours for row in found.rows}
    assert ours["the mend takes aliasing away"] == 1.0
    assert ours[BETTER] == 1.0
