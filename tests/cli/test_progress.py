"""What takes long tells how far it is: every stage of a training, whether large or small."""

import random
import re

import pytest

from glassworks.cli.main import run

SHAPE = ["--model.n-ctx", "16", "--model.n-layer", "1", "--model.n-head", "2", "--model.n-embd", "16"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of a training from a model, where every report is due."""
    folder = tmp_path_factory.mktemp("home")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "\n\n"], k=10_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["train", "--data", "text.txt", "--batch-size", "4"]
        assert run([*words, "--tokenizer", "bytes", "--steps", "2", "--name", "a", "--quiet", *SHAPE]) == 0
        said: list[str] = []
        patch.setattr("glassworks.core.progress.EVERY", 0.0)
        patch.setattr("sys.stderr.write", said.append)
        assert run([*words, "--start-from", "a", "--minutes", "0.001", "--name", "b"]) == 0
    return "".join(said).splitlines()


@pytest.mark.parametrize(
    "label",
    ["tokenize, in characters", "time a step", "train", "evaluate", "write", "measure the network", "look inside"],
)
def test_every_stage_tells_how_far_it_is(told: list[str], label: str) -> None:
    reports = [line for line in told if re.match(rf"{label} [\d,]+/[\d,]+", line)]
    done, total = reports[-1].removeprefix(label).split()[0].split("/")
    assert done == total
    assert "took" in reports[-1]
