"""An attack, what is left after it, and the verdict on it."""

from typing import Any

from glassworks.evaluate.sandbox.outcome import Job, Outcome
from glassworks.evaluate.sandbox.sandbox import Sandbox


def attack(sandbox: Sandbox, program: str, *calls: str, **limits: Any) -> Outcome:
    [outcome] = sandbox.run([Job(program, calls or ("f()",), **{"seconds": 20.0, **limits})])  # a busy machine is slow
    [after] = sandbox.run([Job("def g(): return sorted(__import__('os').listdir('.'))", ("g()",))])
    assert after.whole, f"the sandbox serves no more: {after.how}"
    assert after.answers[0].value == [], "files are left over"
    return outcome


def passes(outcome: Outcome, expected: object) -> bool:
    """The verdict: all was answered, and it is what is expected."""
    return outcome.whole and all(a.error is None and a.value == expected for a in outcome.answers)


def value(outcome: Outcome) -> Any:
    assert outcome.whole, outcome.how
    return outcome.answers[0].value if outcome.answers[0].error is None else outcome.answers[0].error
