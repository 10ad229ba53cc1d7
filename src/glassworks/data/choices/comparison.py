"""A comparison, which is a prompt with options, and a choice among them: what an annotator said, and how it was asked.

    comparison    prompt, options (texts, conversations, images or clips, each with the model that made it)
    choice        order shown, ranking, strength; tie, all bad, skip with a reason; rewrite; annotator, seconds

Options are known by their place in the order of their contents' digests: a place says nothing about who made it, or
which was preferred where the comparison was read from.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from glassworks.core.text import check_text

Prompt = str | list[dict[str, Any]]
"""A text, or messages: {"role": ..., "content": ...}."""
VERDICTS = ("ranked", "tie", "bad", "skip")
"""An order; all equally good; none of them good; no answer."""
MOST_OPTIONS = 9
"""As many as there are keys 1 to 9."""
STRENGTHS = (1, 2, 3)
"""Slightly, clearly, much better."""
CONTENTS = ("text", "messages", "image", "frames")
"""What an option may be: a text, an assistant's messages, the digest of a picture, a clip's drawings in SVG."""
LONGEST_NAME = 80


@dataclass(frozen=True)
class Option:
    """Something to choose."""

    content: dict[str, Any]
    """One of {"text": str}, {"messages": [...]}, {"image": digest} and {"frames": [svg, ...], "fps": number}."""
    source: str = ""
    """The model, run or person that made it; nobody who chooses sees it."""

    def __post_init__(self) -> None:
        """Refuse what is no option."""
        kinds = [name for name in CONTENTS if name in self.content]
        if len(kinds) != 1:
            raise ValueError(f"an option is one of {', '.join(CONTENTS)}, not {sorted(self.content) or 'nothing'}")
        value = self.content[kinds[0]]
        if kinds[0] in ("text", "image"):
            check_text(value, "option")
        elif not isinstance(value, list) or not value:
            raise ValueError(f"an option's {kinds[0]} must be a list that is not empty: leave the option out")
        if kinds[0] == "messages":
            check_messages(value)
        if kinds[0] == "frames" and not all(isinstance(frame, str) and frame.lstrip()[:4] == "<svg" for frame in value):
            raise ValueError('an option\'s frames must each be a drawing, "<svg ...>": draw the states first')

    @property
    def kind(self) -> str:
        """What it is: text, image or clip."""
        return "image" if "image" in self.content else "clip" if "frames" in self.content else "text"

    @property
    def digest(self) -> str:
        """SHA-256 of what it is, whoever made it."""
        return digest_of(self.content)

    @property
    def text(self) -> str:
        """Its text: of messages, the contents one under another."""
        if "text" in self.content:
            return str(self.content["text"])
        return "\n\n".join(str(message.get("content") or "") for message in self.content.get("messages", []))


@dataclass(frozen=True)
class Comparison:
    """A prompt with options to choose among, or with one that is good or bad; `Comparison.of` makes one."""

    prompt: Prompt
    options: tuple[Option, ...]
    origin: dict[str, Any] = field(default_factory=dict)
    """Where it comes from: a file and its row, or how the options were made."""
    number: int = 0
    """In its store, from 1; 0 = it is in none yet."""

    @classmethod
    def of(cls, prompt: Prompt, options: Sequence[Option], **origin: Any) -> tuple["Comparison", list[int]]:
        """A comparison, and the place in it of each option as given.

        >>> comparison, places = Comparison.of("2 + 2 =", [Option({"text": "5"}), Option({"text": "4"})])
        >>> [comparison.options[place].text for place in places]
        ['5', '4']
        """
        order = sorted(range(len(options)), key=lambda i: options[i].digest)
        return cls(prompt, tuple(options[i] for i in order), origin), [order.index(i) for i in range(len(options))]

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        if isinstance(self.prompt, str):
            check_text(self.prompt, "prompt")
        else:
            check_messages(self.prompt)
        if not 1 <= len(self.options) <= MOST_OPTIONS:
            raise ValueError(f"options ({len(self.options)}) must be 1 to {MOST_OPTIONS} of a prompt")
        kinds = sorted({option.kind for option in self.options})
        if len(kinds) > 1:
            raise ValueError(f"options must be alike, and these are {' and '.join(kinds)}: compare like with like")

    @property
    def kind(self) -> str:
        """What its options are: text, image or clip."""
        return self.options[0].kind

    @property
    def key(self) -> str:
        """What is the same for the same prompt and options, whatever they come from."""
        return digest_of([self.prompt, sorted(option.digest for option in self.options)])

    @property
    def prompt_text(self) -> str:
        """The prompt as one text."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n\n".join(f"{one['role']}: {one.get('content') or ''}" for one in self.prompt)


@dataclass(frozen=True)
class Choice:
    """What an annotator said of a comparison."""

    id: str
    """Made where it was chosen, so that sending it twice keeps it once."""
    comparison: int
    annotator: str
    verdict: str
    """One of `VERDICTS`."""
    ranking: tuple[tuple[int, ...], ...] = ()
    """Places of options, best first; those of a group are equal. Options that it leaves out are below all it names,
    in no order."""
    shown: tuple[int, ...] | None = None
    """Places of options in the order in which they were on the page. None = not known, as of a file."""
    strength: int | None = None
    reason: str = ""
    """Why it was skipped."""
    rewrite: str = ""
    """What the annotator would rather have read."""
    seconds: float | None = None
    """From when the options were there to the choice, by a clock that nobody sets."""
    why: str = ""
    """Why this comparison was asked for: random, disagreement, repeat, or import."""
    at: str = ""
    """When it was stored, as the machine's clock says; nothing goes by it."""
    origin: dict[str, Any] = field(default_factory=dict)
    """Of a choice that was read from a file: where, and columns that have no other place."""
    number: int = 0
    """Its place among all that was stored, from 1."""

    def __post_init__(self) -> None:
        """Refuse what says nothing, or says it of no option."""
        for name in ("id", "annotator", "reason", "rewrite"):
            check_text(getattr(self, name), name)
            if "\0" in getattr(self, name):
                raise ValueError(f"{name} (={getattr(self, name)!r}) holds a NUL, which is no character: leave it out")
        if not self.id or not self.annotator.strip() or len(self.annotator) > LONGEST_NAME:
            raise ValueError(f"annotator (={self.annotator!r}) must be a name of 1 to {LONGEST_NAME} characters")
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict (={self.verdict!r}) must be one of {', '.join(VERDICTS)}")
        if (self.verdict == "ranked") != bool(self.ranking):
            raise ValueError(f"ranking (={self.ranking!r}) goes with the verdict ranked, and that with one")
        named = [place for group in self.ranking for place in group]
        if len(set(named)) != len(named) or not all(self.ranking):
            raise ValueError(f"ranking (={self.ranking!r}) must name an option once at most, in groups that hold one")
        if self.strength is not None and (self.verdict != "ranked" or self.strength not in STRENGTHS):
            raise ValueError(f"strength (={self.strength!r}) must be 1, 2 or 3, of a ranking")
        if self.verdict == "skip" and not self.reason.strip():
            raise ValueError("reason is empty: say why the comparison is skipped")
        if self.seconds is not None and not 0 <= self.seconds < 1e7:
            raise ValueError(f"seconds (={self.seconds!r}) must be the time taken, 0 or more")

    def check(self, options: int) -> None:
        """Refuse places that a comparison with so many options has not."""
        named = [place for group in self.ranking for place in group]
        if not all(0 <= place < options for place in named):
            raise ValueError(f"ranking (={self.ranking!r}) names an option that is not among the {options}")
        if self.shown is not None and sorted(self.shown) != list(range(options)):
            raise ValueError(f"shown (={self.shown!r}) must have each of the {options} options once")
        if len(self.ranking) == 1 and len(named) == options > 1:
            raise ValueError("a ranking that puts all options level is a tie: say tie")

    @property
    def best(self) -> int | None:
        """The option that is better than all others; None where there is none."""
        return self.ranking[0][0] if self.ranking and len(self.ranking[0]) == 1 else None


def pairs_of(choice: Choice, options: int) -> Iterator[tuple[int, int]]:
    """(better, worse) of all options that a choice puts in an order.

    >>> list(pairs_of(Choice("a", 1, "me", "ranked", ((2,), (0,))), 3))
    [(2, 0), (2, 1), (0, 1)]
    """
    named = {place for group in choice.ranking for place in group}
    rest = tuple(place for place in range(options) if place not in named)
    for above, below in combinations([*choice.ranking, *([rest] if rest and choice.ranking else [])], 2):
        yield from ((a, b) for a in above for b in below)


@dataclass(frozen=True)
class Undo:
    """A choice taken back. Both stay stored."""

    id: str
    choice: str
    """The id of what is taken back."""
    annotator: str
    at: str = ""
    number: int = 0


def with_places(choice: Choice, places: Sequence[int]) -> Choice:
    """A choice among options as they were given, as one among the places that these have."""
    return replace(
        choice,
        ranking=tuple(tuple(places[i] for i in group) for group in choice.ranking),
        shown=None if choice.shown is None else tuple(places[i] for i in choice.shown),
    )


def check_messages(messages: Any) -> None:
    """Refuse what is no conversation."""
    if not isinstance(messages, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("role"), str) for one in messages
    ):
        raise ValueError(f'messages (={messages!r}) must be a list of {{"role": ..., "content": ...}}')


def packed(value: Any) -> str:
    """A value as JSON, the same text for the same value; half a surrogate pair, which no UTF-8 can write, escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text


def digest_of(value: Any) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(packed(value).encode()).hexdigest()
