"""What came of a program, formed here from the bytes that came back: nothing in them is believed but values."""

import json
from dataclasses import dataclass, field
from typing import Any

from glassworks.evaluate.sandbox import wire


@dataclass(frozen=True)
class Job:
    """A program, and what to call in it: expressions as text, or the arguments of one function by its name."""

    program: str
    calls: tuple[Any, ...] = ()
    """Each a text to evaluate, such as "add(1, 2)", or, where `name` is given, a list of arguments."""
    name: str | None = None
    seconds: float = 3.0
    """Of wall time, for the program and all its calls."""
    megabytes: int = 512
    """Of memory, Python's own included."""
    most: int = 16 << 20
    """Bytes that it may send back."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 3600:
            raise ValueError(f"seconds (={self.seconds}) of a program must be above 0 and at most 3600")
        if self.megabytes < 64:
            raise ValueError(
                f"megabytes (={self.megabytes}) of a program must be at least 64: Python itself needs some"
            )

    def told(self, nonce: str) -> bytes:
        """What its process is told: the program and the calls, and no expected value."""
        calls = [call if self.name is None else wire.packed(list(call)) for call in self.calls]
        held = {"program": self.program, "calls": calls, "name": self.name, "nonce": nonce}
        return json.dumps({**held, "cpu": self.seconds, "megabytes": self.megabytes}).encode()


@dataclass(frozen=True)
class Answer:
    """What one call returned, or the class of what it raised."""

    value: Any = None
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what its calls returned until then."""

    how: str
    """"whole" where every call was answered and the end was said; else what happened instead, in words."""
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    megabytes: int = 0
    sent: int = 0
    """Bytes that came."""

    @property
    def whole(self) -> bool:
        """Whether every call was answered, and the end was said with the number that only this job was given."""
        return self.how == "whole"


def outcome_of(job: Job, nonce: str, header: dict[str, Any], came: bytes) -> Outcome:
    """The outcome of a job from how its process ended and the bytes that came."""
    answers: list[Answer] = []
    error, ended, strange = None, False, False
    for text in came.split(b"\n")[:-1]:
        try:
            row = json.loads(text)
            if ended or not isinstance(row, list) or not row:
                raise ValueError("not an answer")
            if row[0] == "end":
                ended = row == ["end", nonce, len(job.calls)] and len(answers) == len(job.calls)
                strange = strange or not ended
            elif row[0] == "no" and len(row) == 2:
                error = str(row[1])[:80]
            else:
                answers.append(answer_of(row))
        except (ValueError, RecursionError, MemoryError):
            strange = True
            break
    strange = strange or len(answers) > len(job.calls)
    if strange:
        how = "sent what is no answer"
    elif ended and error is None:
        how = "whole"
    elif header["how"] == "time":
        how = f"took more than {job.seconds:g} s"
    elif header["how"] != "ended":
        how = header["how"]
    else:
        how = f"the program raised {error}" if error else "ended before its end"
    return Outcome(how, [] if strange else answers, header["seconds"], header["cpu"], header["megabytes"], len(came))


def answer_of(row: list[Any]) -> Answer:
    """One answer; ValueError for what is none."""
    if len(row) != 3 or not isinstance(row[2], float) or row[0] not in ("ok", "no"):
        raise ValueError("not an answer")
    if row[0] == "no":
        return Answer(error=str(row[1])[:80], seconds=row[2])
    return Answer(wire.unpacked(row[1]), None, row[2])
