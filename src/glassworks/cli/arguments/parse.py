"""What follows a command, on its way into a dataclass; and mistakes in it, in one line with flags as they are typed.

A message of the package names a field and its value: `batch_size (=5) must be ...`. Which flag that is follows from the
dataclass that was parsed: the flag whose last part is the field's name, or else the one that was given this value.
"""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from glassworks.cli.arguments.flags import SCALARS, Flag, flags_of, metavar_of
from glassworks.core.called import command as call
from glassworks.core.columns import help_width, listed
from glassworks.core.config import options, type_in_words
from glassworks.core.progress import be_quiet

T = TypeVar("T")

OUTPUTS = ("--out", "--html", "--name")
FEW = 3
"""Flags that a hint names at most."""
KEYWORD = re.compile(r"""(?<![\w.(-])([a-z]\w*)=(True|"[^"]*"|'[^']*'|[\w./:<>-]+)""")
"""A keyword argument in a message's advice: column=NAME, split="tail"."""


class Arguments(list[str]):
    """The words after a command. Once they are parsed, it knows which field of a message is which flag."""

    flags: tuple[Flag, ...] = ()
    parsed: Any = None
    command: str = ""
    shown_by: tuple[str, ...] = ()
    """Words between the command and --help, if it lists these flags by them alone."""

    def choose(self, command: str, kinds: Mapping[str, type], kind_of_name: str) -> str:
        """Take the first word away, one of the names of what a command does; without one, say which there are."""
        name = self.pop(0) if self else ""
        if name in ("-h", "--help"):
            summaries = {name: (kind.__doc__ or "").splitlines()[0] for name, kind in kinds.items()}
            lines = listed(summaries, help_width())
            print(f"usage: glassworks {command} <{kind_of_name}> [options]\n", *lines, sep="\n")
            raise SystemExit(0)
        if name not in kinds:
            near = get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(kinds)}"
            raise ValueError(
                f"{f'there is no {command} {name!r}' if name else f'{command} needs a {kind_of_name}'}: {hint}"
            )
        return name

    def parse(self, kind: type[T], command: str, default: T | None = None, *, shown_by: tuple[str, ...] = ()) -> T:
        """These words as an instance of a dataclass; ValueError, in one line, for those that are none."""
        import tyro

        self.flags, self.parsed, self.command = tuple(flags_of(kind, default)), default, command
        self.shown_by = shown_by
        if "-h" in self or "--help" in self:
            from glassworks.cli.arguments.help import help_text

            print(help_text(command, kind.__doc__ or "", self.flags))
            raise SystemExit(0)
        output, defaults = io.StringIO(), {} if default is None else {"default": default}
        try:
            with redirect_stderr(output), registry():
                self.parsed = tyro.cli(kind, args=self, **defaults)  # type: ignore[call-overload]
        except SystemExit:
            raise ValueError(self.refusal(unboxed(output.getvalue()))) from None
        if getattr(self.parsed, "quiet", False):
            be_quiet()
        parsed: T = self.parsed
        return parsed

    def refusal(self, message: str) -> str:
        """Tyro's words in ours; an unknown flag goes before whatever else is wrong."""
        for word in self:
            if word.startswith("--") and word.split("=")[0].replace("_", "-") not in self.names:
                return self.unknown(word)
        if match := re.match(r"Unrecognized options: (.*?)(, |$)", message):
            return self.unknown(match[1])
        if match := re.fullmatch(r"Error parsing (\S+): (.*)", message):
            name, reason = match.groups()
            return f"{name} (={self.typed(name)!r}) {reason}" if name.startswith("--") else reason
        if match := re.match(r"Missing value for argument '(\S+)'. Expected (\d+) values", message):
            name = match[1] if match[1].startswith("--") else self.flag_of(match[1], "")
            return f"{name} needs {'a value' if match[2] == '1' else f'{match[2]} values'}: see {self.help()}"
        if match := re.match(r"invalid choice '(.*)' for argument '(\S+)'. Expected one of \((.*?),?\)", message):
            choices = match[3].split(", ")
            if "'None'" in choices:  # with which tyro gives them in any order; to leave the flag out says the same
                choices = sorted(choice for choice in choices if choice != "'None'")
            return f"{match[2]} (={self.typed(match[2])!r}) must be one of {', '.join(choices)}"
        if match := re.match(r"Missing from .*?: (\S+) (.*?)\.? \(required\)", message):
            return f"{match[1]} is missing: {match[2][:1].lower()}{match[2][1:]} (see {self.help()})"
        return message

    def unknown(self, word: str) -> str:
        """What to say of a word that nothing asked for."""
        if not word.startswith("-"):
            return f"{word!r} is one word too many: see {self.help()}"
        name = word.split("=")[0]
        typed = name.replace("_", "-").lstrip("-")
        names = {flag.name.lstrip("-"): flag.name for flag in self.flags} | {"help": "--help"}
        ends = {flag.last: flag.name for flag in self.flags}
        near = [flag for end, flag in (ends | names).items() if typed and end.startswith(typed)]
        near = near or [names[end] for end in get_close_matches(typed, names, 1, 0.7)]
        near = near or [ends[end] for end in get_close_matches(typed, ends, 1, 0.7)]
        few = list(dict.fromkeys(near))
        hint = f"did you mean {' or '.join(few)}?" if 0 < len(few) <= FEW else f"{self.help()} lists them"
        return f"there is no flag {name}: {hint}"

    def help(self) -> str:
        """The command that lists the flags."""
        return call(*self.command.split(), *self.shown_by, "--help")

    @property
    def output(self) -> str | None:
        """The flag that says where the command writes; None where it writes into a run that is there."""
        of_a_task = "--task" not in self.names or self.typed("--task")  # eval's --out is
        if getattr(self.parsed, "resume", None) is not None or not of_a_task:
            return None
        return next((name for name in OUTPUTS if name in self.names), None)

    @property
    def names(self) -> set[str]:
        """All flags of the command."""
        return {name for flag in self.flags for name in flag.names}

    def typed(self, flag: str) -> str:
        """The words that were given to a flag, in one text."""
        return " ".join(self.words_of(flag))

    def words_of(self, flag: str) -> list[str]:
        """The words that were given to a flag; the last time, where it was given several times."""
        values: list[str] = []
        here = False
        for word in [w for given in self for w in (given.split("=", 1) if given.startswith("--") else [given])]:
            if word.replace("_", "-") == flag:
                values, here = [], True
            elif word.startswith("--"):
                here = False
            elif here:
                values.append(word)
        return values

    def in_flags(self, message: str) -> str:
        """The message with the flags of the fields that it names."""

        def valued(match: re.Match[str]) -> str:
            return f"{self.flag_of(match[1], message[match.end() :]) or match[1]} (="

        def placed(match: re.Match[str]) -> str:
            """A place in a text: the flag that was given a text with this character there."""
            called = [flag for flag in self.flags if flag.is_called(match[1])]
            place = int(match[2])
            holding = [f for f in self.flags if any(repr(t[place : place + 1]) == match[3] for t in self.values(f))]
            found = [flag for flag in called if flag in holding] or holding or called
            return f"{found[0].name if found else match[1]}[{place}] (={match[3]})"

        def bare(match: re.Match[str]) -> str:
            called = [flag for flag in self.flags if flag.is_called(match[0])]
            return called[0].name if len(called) == 1 else match[0]

        message = re.sub(r"(?<![\w.-])([A-Za-z_]\w*(?:\.\w+)*) \(=", valued, message)
        message = re.sub(r"(?<![\w.-])([A-Za-z_]\w*)\[(\d+)\] \(=('[^']*')\)", placed, message)
        message = self.with_flags(message)
        # Alone a word is a field's name only if nobody writes such a word: n_ctx, not steps.
        return re.sub(r"(?<![\w./'\"=<-])[a-z]+(?:_[a-z]+)+(?![\w/'\"(=-]|\.\w)", bare, message)

    def with_flags(self, message: str) -> str:
        """The message with flags in place of the keyword arguments that it advises, if the command has them."""

        def keyword(match: re.Match[str]) -> str:
            called = [flag for flag in self.flags if flag.is_called(match[1])]
            if len(called) != 1:
                return match[0]
            value = match[2].strip("'\"")
            return called[0].name if value == "True" else f"{called[0].name} {value}"

        return KEYWORD.sub(keyword, message)

    def flag_of(self, field: str, value: str) -> str | None:
        """The flag of a field that a message names, followed by `value) ...`."""
        called = [flag for flag in self.flags if flag.is_called(field)]
        if len(called) == 1:
            return called[0].name
        for flag in called or self.flags:
            given = ({self.typed(flag.name)} - {""}) | set(self.values(flag))
            if any(value.startswith(f"{form})") for text in given for form in (text, repr(text))):
                return flag.name
        return None

    def values(self, flag: Flag) -> Iterator[str]:
        """The texts that a field of what was parsed holds."""
        value = self.parsed
        for name in flag.path:
            value = getattr(value, name, None)
        several = value if isinstance(value, list | tuple) else (value,)
        yield from (str(one) for one in several if isinstance(one, str | Path))
        if isinstance(value, list | tuple):
            yield repr(value)


def registry() -> Any:
    """How words become numbers, texts and paths, with errors in words."""
    import tyro

    rules = tyro.constructors.ConstructorRegistry()

    @rules.primitive_rule
    def scalar(info: tyro.constructors.PrimitiveTypeInfo) -> Any:
        many = [kind for kind in options(info.type) if get_origin(kind) is tuple and get_args(kind)[1:] == (...,)]
        kinds = [kind for kind in options(info.type) if kind is not type(None) and kind not in many]
        if not kinds or not all(kind in SCALARS for kind in kinds):
            return None

        def numbered(words: list[str]) -> tuple[Any, ...]:
            try:
                return tuple(map(get_args(many[0])[0], words))
            except ValueError:
                raise ValueError(f"must be {type_in_words(info.type)}") from None

        def read(words: list[Any]) -> Any:
            if many and len(words) != 1:
                return numbered(words)
            word = words[0] if isinstance(words[0], str) else words[0][0]  # tyro wraps an optional positional twice
            if word == "None" and type(None) in options(info.type):
                return None
            for kind in sorted(kinds, key=list(SCALARS).index):
                try:
                    return kind(word)
                except ValueError:
                    continue
            raise ValueError(f"must be {type_in_words(info.type)}")

        return tyro.constructors.PrimitiveConstructorSpec(
            nargs="*" if many else 1,
            metavar=metavar_of(info.type),
            instance_from_str=read,
            is_instance=lambda value: isinstance(value, (*kinds, type(None), *([tuple] if many else []))),
            str_from_instance=lambda value: list(value) if isinstance(value, tuple) else [str(value)],
        )

    return rules


def unboxed(output: str) -> str:
    """What stands in a box of tyro's between its title and its first rule, as one line."""
    rows = [line.strip(" │|") for line in output.splitlines()][1:]
    ruled = "".join("\n" if row and set(row) <= set("─-╰╯+") else f"{row} " for row in rows)
    return " ".join(ruled.lstrip().split("\n")[0].split())
