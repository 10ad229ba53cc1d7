"""makemore on small lists of words; and, where names.txt is at hand, what the lectures print of it."""

import json
import math
import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from glassworks.core.errors import FileDamaged, RunError
from glassworks.data.text.words import Words, read_words
from glassworks.models.modes import threads
from glassworks.reproductions.char_models import first_look, prepare, train
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores
from glassworks.reproductions.makemore.networks import VARIANTS, bigram, deep
from glassworks.reproductions.makemore.rows import gradient_rows
from glassworks.reproductions.makemore.run import run

NAMES = Path(__file__).parents[4] / "shared" / "data" / "names.txt"
RANDOM = random.Random(0)
WORDS = ["".join(RANDOM.choices("abcdé", (9, 5, 3, 2, 1), k=RANDOM.randint(1, 6))) for _ in range(300)]
STEPS = 20


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction, and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "makemore"
    return folder, run(WORDS, folder=folder, steps=STEPS)


@pytest.fixture(scope="module")
def names() -> Words:
    """The lectures' names."""
    if not NAMES.exists():
        pytest.skip(f"{NAMES} is not here: fetch names.txt of karpathy/makemore to compare with the lectures")
    return Words.of(read_words(NAMES))


def ours(found: Finding, what: str) -> float:
    (row,) = (row for row in found.rows if row.what == what)
    assert row.ours is not None
    return row.ours


# ----------------------------------------------------------------------------------------------------------------------
# Any words


def test_every_row_is_measured_and_other_words_are_said_to_be_others(done: tuple[Path, Finding]) -> None:
    _, found = done
    assert all(row.ours is not None and math.isfinite(row.ours) for row in found.rows)
    assert found.quick
    assert "OTHER DATA: 300 words of 5 characters" in found.table()
    assert all(row.what.startswith("5: by hand") for row in found.rows if row.verdict)


def test_by_hand_is_autograd_to_a_billionth(done: tuple[Path, Finding]) -> None:
    rows = [row for row in done[1].rows if row.what.startswith("5: by hand")]
    assert len(rows) == 4
    assert all(row.ours is not None and row.ours <= 1e-9 for row in rows)


def test_the_finding_is_saved_as_it_is_returned(done: tuple[Path, Finding]) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["reproduction"]["steps"] == STEPS


def test_a_stopped_reproduction_goes_on_without_repeating_what_is_done(done: tuple[Path, Finding]) -> None:
    folder, found = done
    for name in ("tree", "kaiming"):
        (folder / "evals" / f"{name}.json").unlink()
    kept = {path: path.stat().st_mtime_ns for path in (folder / "evals").iterdir()}
    assert run(WORDS, folder=folder, steps=STEPS) == found
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    assert (folder / "evals" / "tree.json").exists()


def test_an_altered_result_is_noticed(done: tuple[Path, Finding]) -> None:
    path = done[0] / "evals" / "flat_3.json"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace('"train": ', '"train": 1'), encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"flat_3.json is damaged: delete it, and the same command measures it again"):
        run(WORDS, folder=done[0], steps=STEPS)
    path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (
            WORDS,
            {"steps": STEPS + 1},
            rf"begun with other settings \(steps {STEPS}, now {STEPS + 1}\): choose another --name",
        ),
        (WORDS, {"steps": STEPS, "seed": 3}, "begun with other settings"),
        (WORDS[::-1], {"steps": STEPS}, "begun with other settings"),
    ],
)
def test_a_folder_holds_one_reproduction(done: tuple[Path, Finding], words, settings, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RunError, match=message):
        run(words, folder=done[0], **settings)


@pytest.mark.parametrize("settings", [{"steps": 1}, {"seed": -1}])
def test_refuses_settings_that_cannot_be_used(tmp_path: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be at least"):
        run(WORDS, folder=tmp_path / "r", **settings)
    assert not (tmp_path / "r").exists()


def test_the_number_of_threads_is_put_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with threads(2):
        with pytest.raises(FileDamaged):
            run(WORDS, folder=tmp_path, steps=STEPS)
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_the_bigram_table_is_that_of_counting(done: tuple[Path, Finding]) -> None:
    pairs = Counter(pair for word in WORDS for pair in zip("\0" + word, word + "\0", strict=True))
    totals = Counter(first for first, _ in pairs.elements())
    size = len(set("".join(WORDS))) + 1
    nll = -sum(n * math.log((n + 1) / (totals[pair[0]] + size)) for pair, n in pairs.items()) / pairs.total()
    assert ours(done[1], "2: bigram by counts + 1") == pytest.approx(nll, rel=1e-5)
    best = -sum(n * math.log(n / totals[pair[0]]) for pair, n in pairs.items()) / pairs.total()
    by_gradient = ours(done[1], "2: bigram by gradient")
    assert best <= by_gradient < best + 0.02


def test_longer_training_of_a_network_lowers_its_loss() -> None:
    data = Words.of(WORDS)
    short, long = (train("tanh", VARIANTS["tanh"], data, steps, None) for steps in (2, 400))
    assert long["dev"] < short["dev"] - 0.1
    assert long["first_loss"] == short["first_loss"]


def test_a_seed_repeats_itself() -> None:
    data = Words.of(WORDS)
    first, again, other = (train("flat_3", VARIANTS["flat_3"], data, 10, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_ctrl_c_ends_a_training() -> None:
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        train("original", VARIANTS["original"], Words.of(WORDS), 100_000, None)
    timer.join()


@pytest.mark.parametrize("words", [["a"] * 10, ["日本語", ".", "😀"] * 4])
def test_the_oddest_lists_give_finite_figures(words: list[str]) -> None:
    data = Words.of(words)
    for name in ("original", "by_hand", "tree_bug"):
        assert are_finite(train(name, VARIANTS[name], data, 5, None))
    assert are_finite(bigram(data, None))


def are_finite(result: dict[str, Any]) -> bool:
    """Whether all numbers of a part are, those of its curve too."""
    numbers = [value for value in result.values() if not isinstance(value, list)]
    return all(map(math.isfinite, [*numbers, *(loss for _, loss in result.get("curve", []))]))


def test_a_part_keeps_its_curve_and_what_it_writes() -> None:
    data = Words.of(WORDS)
    result = train("tanh", VARIANTS["tanh"], data, 119, None)
    steps, losses = zip(*result["curve"], strict=True)
    assert steps == (*range(2, 119, 2), 119)  # 60 points
    assert losses[0] == pytest.approx(result["first_loss"], abs=0.2)
    assert losses[-1] < losses[0]
    assert len(result["samples"]) == 20
    assert set("".join(result["samples"])) <= set(data.alphabet)
    assert all(len(word) < 31 for word in result["samples"])
    assert all(set(word) <= set(data.alphabet) for word in bigram(data, None)["samples"])


# ----------------------------------------------------------------------------------------------------------------------
# The lectures' names


def test_the_split_has_the_lectures_sizes(names: Words) -> None:
    assert names.are_names
    assert [len(names.examples(split, 3)[1]) for split in ("train", "dev", "test", "all")] == [
        182_625,
        22_655,
        22_866,
        228_146,
    ]


@pytest.mark.parametrize(("name", "printed"), [("batch_norm", 3.3239), ("tree_76k", 3.3167)])
def test_the_first_batch_has_the_loss_that_the_lecture_prints(names: Words, name: str, printed: float) -> None:
    model, batches = prepare(VARIANTS[name], names, 3, None)
    assert first_look(model, batches(0))["first_loss"] == pytest.approx(printed, abs=1e-4)


def test_five_layers_after_1001_steps_are_as_the_lecture_prints_them(names: Words) -> None:
    with threads(1):
        found = deep(names, None)
    assert found["first_loss"] == pytest.approx(3.2870, abs=1e-4)
    assert found["train"] == pytest.approx(2.4003, abs=2e-3)
    assert found["dev"] == pytest.approx(2.3982, abs=2e-3)
    assert [found[f"saturated_{i}"] for i in range(5)] == pytest.approx(
        [0.0278, 0.0256, 0.0225, 0.0169, 0.0188], abs=3e-3
    )
    assert [found[f"gradient_{i}"] for i in range(5)] == pytest.approx(
        [2.6407e-3, 2.2456e-3, 2.0457e-3, 1.9831e-3, 1.9524e-3], rel=0.05
    )


def test_the_bigrams_end_where_they_should(names: Words) -> None:
    found = bigram(names, None)
    assert found["counts"] == pytest.approx(2.4546, abs=1e-4)
    assert found["penalised"] == pytest.approx(2.4818, abs=1e-3)


def test_derivatives_that_differ_by_rounding_agree() -> None:
    found = {"stepwise": 0.0, "cross_entropy": 1e-17, "batch_norm": 2e-18, "closed_form": 1e-17}
    assert [row.verdict for row in gradient_rows(found)] == ["agrees", "agrees", "agrees", ""]
    (_, wrong, *_) = gradient_rows(found | {"cross_entropy": 1e-4})
    assert (wrong.verdict, "ABOVE 1e-9" in wrong.note) == ("worse", True)


@pytest.mark.parametrize(
    ("minutes", "said"), [(0.2, "about 1 minute"), (1.6, "about 2 minutes"), (44.2, "about 44 minutes")]
)
def test_how_long_it_takes_in_words(minutes: float, said: str) -> None:
    assert on_two_cores(minutes) == f"{said} on two quiet cores"
