"""Progress in plain lines."""

import time

import pytest

from glassworks.core.progress import lines


def test_the_time_left_is_reckoned_from_the_first_report_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes before it, a compiler's work perhaps, would make it look hopeless."""
    clock = iter([0.0, 60.0, 61.0, 80.0, 159.0])  # from the second report on a second a step
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    report = next(lines("train", 100, 10.0))
    for done in (1, 2, 21, 100):
        report(done, loss=1.5)
    assert capsys.readouterr().err.splitlines() == [
        "train 1/100  loss 1.5",
        "train 21/100  loss 1.5  1:19 left",
        "train 100/100  loss 1.5  0.0 s left",
    ]
