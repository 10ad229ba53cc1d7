"""Talking to a model that was taught to answer: its chat template, as its folder or GGUF file carries it.

A template is a program in Jinja and comes from a stranger, so it runs in Jinja's sandbox for immutable values, as in
transformers. What a user says is data: where it spells out a special token it becomes ordinary tokens.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json, read_text
from glassworks.core.gguf import GGUF, find_gguf
from glassworks.data.tokenizers.codec import Tokenizer

Message = Mapping[str, Any]
"""Who speaks (`role`: system, user, assistant) and what they say (`content`)."""
BLANKS = "\x1f\x1e\x1d\x1c\u2028\u2029\u205f\u1680"
"""White space that hardly any text has."""

PLAIN = (
    "{% for message in messages %}{{ message.role | capitalize }}:\n{{ message.content }}"
    "{{ eos_token if message.role == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""For a model that was taught no template: User:, what is said, Assistant:, the answer and the end of text."""


@dataclass(frozen=True)
class Template:
    """A chat template, and the tokens it may name as the first and the last."""

    source: str
    bos: str = ""
    eos: str = ""


def read_template(path: Path) -> Template | None:
    """The chat template of a model folder or a GGUF file; None if it has none. FileDamaged for one that is no text."""
    if (gguf := find_gguf(path)) is not None:
        file, field = gguf, GGUF(gguf).metadata
        source, tokens = field.get("tokenizer.chat_template"), field.get("tokenizer.ggml.tokens", [])
        if not isinstance(tokens, list):
            raise FileDamaged(f"{file} is damaged (tokenizer.ggml.tokens is {type(tokens).__name__}): fetch it again")
        ids = [field.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")]
        ends = [tokens[id] if isinstance(id, int) and 0 <= id < len(tokens) else "" for id in ids]
    else:
        file = path / "tokenizer_config.json"
        settings = read_json(file) if file.is_file() else {}
        settings = settings if isinstance(settings, dict) else {}
        source = settings.get("chat_template")
        if isinstance(source, list) and all(isinstance(one, dict) for one in source):  # several, by name
            source = next((one.get("template") for one in source if one.get("name") == "default"), None)
        if (own := path / "chat_template.jinja").is_file():
            file, source = own, read_text(own)
        found = [settings.get(f"{name}_token") for name in ("bos", "eos")]
        ends = [end.get("content") if isinstance(end, dict) else end for end in found]
    if source is not None and not isinstance(source, str):
        raise FileDamaged(f"{file} is damaged (its chat template is {type(source).__name__}, no text): restore it")
    return Template(source, *(end if isinstance(end, str) else "" for end in ends)) if source else None


class Chat:
    """A tokenizer whose texts are what a user says: they become a conversation that the model has to go on with.

    It is given to `generate` in the place of the tokenizer, which also decodes the answer.
    """

    def __init__(self, tokenizer: Tokenizer, template: Template) -> None:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self.tokenizer, self.eot, self.ends = tokenizer, tokenizer.eot, tokenizer.ends
        self.known, self.fallback = tokenizer.known, tokenizer.fallback
        self.source = template.source
        self.names = {"bos_token": template.bos, "eos_token": template.eos}
        added = tokenizer.inner.get_added_tokens_decoder()
        self.special = {token.content: id for id, token in added.items() if token.special}
        self.cut = re.compile(f"({'|'.join(map(re.escape, sorted(self.special, key=len, reverse=True)))})")
        loops = ["jinja2.ext.loopcontrols"]
        sandbox = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=loops)
        sandbox.globals["raise_exception"] = refuse
        try:
            self.template = sandbox.from_string(template.source)
        except TemplateError as error:
            raise ValueError(f"the model's chat template is no Jinja: {error}") from None

    def encode(self, text: str) -> list[int]:
        """Ids of a conversation in which the user has said `text`, up to where the answer begins."""
        return self.prompt([{"role": "user", "content": text}])

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of a conversation, up to where the answer to it begins.

        It is rendered as it is, and with marks around its characters, so that none of them is part of a special token,
        whatever the template makes of it; those around white space are white space too, since templates trim it. Where
        the two differ in special tokens, it is the second that counts.
        """
        marks = self.marks(messages)
        return self.ids(self.render(messages), self.render(marks.around(messages)), marks)

    def turns(self, messages: Sequence[Message]) -> list[tuple[list[int], bool]]:
        """Ids of a conversation in parts, and of each whether the assistant says it, its end included.

        The answers are what the template writes beyond the conversation before them, up to where an answer begins.

        Raises: ValueError for a template that writes what came before otherwise, once there is more.
        """
        marks, parts, done = self.marks(messages), list[tuple[list[int], bool]](), ("", "")
        for i, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            for count, answer in ((i, True), (i + 1, False)):
                some = messages[:count]
                texts = self.render(some, answer=answer), self.render(marks.around(some), answer=answer)
                if not all(text.startswith(before) for text, before in zip(texts, done, strict=True)):
                    raise ValueError(
                        f"the model's chat template writes what comes before message {i} otherwise once that is there, "
                        "so it cannot be told which tokens the assistant says: learn from completions, or give another "
                        "by template"
                    )
                plain, safe = (text[len(before) :] for text, before in zip(texts, done, strict=True))
                parts.append((self.ids(plain, safe, marks), not answer))
                done = texts
        return parts

    def marks(self, messages: Sequence[Message]) -> "Marks":
        """What to put around the characters of a conversation, which neither it nor the template has."""
        said = "".join(message["content"] for message in messages)
        return Marks(said, {*said, *self.source, *chain(*self.special)}, self.special)

    def ids(self, plain: str, safe: str, marks: "Marks") -> list[int]:
        """Ids of what the template wrote, by what it wrote of the same with marks."""
        pieces, others = self.cut.split(plain), self.cut.split(safe)
        ids: list[int] = []
        for piece in pieces if pieces[1::2] == others[1::2] else others:
            if piece in self.special:
                ids.append(self.special[piece])
            elif piece:
                ids += self.tokenizer.encode(piece.translate(marks.bare))
        return ids

    def render(self, messages: Sequence[Message], *, answer: bool = True) -> str:
        """The conversation as the template writes it; with `answer`, up to where the assistant's begins."""
        try:
            return self.template.render(
                messages=[dict(one) for one in messages], add_generation_prompt=answer, tools=None, **self.names
            )
        except Exception as error:  # whatever a stranger's program may do wrong
            raise ValueError(f"the model's chat template fails: {error}") from None

    def decode(self, ids: Sequence[int]) -> str:
        """Text of some ids, as the tokenizer has it."""
        return self.tokenizer.decode(ids)


class Marks:
    """Signs around the characters of what is said, by which nothing that is said is taken for a special token."""

    def __init__(self, said: str, used: set[str], special: Mapping[str, int]) -> None:
        free = (chr(code) for code in range(0xF0000, 0xFFFFE) if chr(code) not in used)  # for private use
        mark, disguise = next(free), {token: next(free) for token in special if len(token) == 1}
        blank = next((sign for sign in BLANKS if sign not in used), mark)
        around = {c: blank if c.isspace() else mark for c in set(said)}
        self.marked = str.maketrans({c: f"{sign}{disguise.get(c, c)}{sign}" for c, sign in around.items()})
        self.bare = str.maketrans({mark: "", blank: "", **{sign: token for token, sign in disguise.items()}})

    def around(self, messages: Sequence[Message]) -> list[Message]:
        """The messages, marked."""
        return [{**message, "content": message["content"].translate(self.marked)} for message in messages]


def refuse(message: str) -> None:
    """What a template calls for a conversation that it does not take."""
    raise ValueError(message)
