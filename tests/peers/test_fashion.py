"""The one command trains on Fashion-MNIST, whole, for about a minute, and what comes of it beats its rivals.

`apt install dataset-fashion-mnist`, then pytest -m peer tests/peers/test_fashion.py
"""

import json
from pathlib import Path

import pytest

from glassworks.cli.main import run

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(1800)]
FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_a_minute_on_fashion_mnist_beats_all_rivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "--data", str(FASHION), "--steps", "1000", "--name", "fashion", "--quiet"]) == 0
    score = json.loads(Path("runs/fashion/evals/test.json").read_text(encoding="utf-8"))
    assert score["examples"] == 10_000  # its own test part
    assert score["metrics"]["accuracy"]["low"] > 0.8
    assert {rival["difference"]["accuracy"]["verdict"] for rival in score["rivals"]} == {"beats"}
