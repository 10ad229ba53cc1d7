"""Talking to a model that was taught to answer: its chat template, as its folder or GGUF file carries it.

A template is a program in Jinja and comes from a stranger, so it runs in Jinja's sandbox for immutable values, as in
transformers. What a user says is data: where it spells out a special token it becomes ordinary tokens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glassworks.core.files import read_json
from glassworks.core.gguf import GGUF, find_gguf
from glassworks.data.codec import Tokenizer


@dataclass(frozen=True)
class Template:
    """A chat template, and the tokens it may name as the first and the last."""

    source: str
    bos: str = ""
    eos: str = ""


def read_template(path: Path) -> Template | None:
    """The chat template of a model folder or a GGUF file; None if it has none."""
    if (gguf := find_gguf(path)) is not None:
        field = GGUF(gguf).metadata
        source, tokens = field.get("tokenizer.chat_template"), field.get("tokenizer.ggml.tokens", [])
        ends = [field.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")]
        names = [tokens[id] if isinstance(id, int) and id < len(tokens) else "" for id in ends]
    else:
        settings = read_json(file) if (file := path / "tokenizer_config.json").is_file() else {}
        settings = settings if isinstance(settings, dict) else {}
        own = path / "chat_template.jinja"
        source = own.read_text(encoding="utf-8") if own.is_file() else settings.get("chat_template")
        if isinstance(source, list):  # several, by name
            source = next((one.get("template") for one in source if one.get("name") == "default"), None)
        ends = [settings.get(f"{name}_token") or "" for name in ("bos", "eos")]
        names = [end.get("content", "") if isinstance(end, dict) else end for end in ends]
    return Template(source, *names) if isinstance(source, str) and source else None


class Chat:
    """A tokenizer whose texts are what a user says: they become a conversation that the model has to go on with.

    It is given to `generate` in the place of the tokenizer, which also decodes the answer.
    """

    def __init__(self, tokenizer: Tokenizer, template: Template) -> None:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self.tokenizer, self.eot, self.ends = tokenizer, tokenizer.eot, tokenizer.ends
        self.known, self.fallback = tokenizer.known, tokenizer.fallback
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
        mark = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
        said = self.cut.sub(lambda token: token[0][0] + mark + token[0][1:], text)
        try:
            whole = self.template.render(
                messages=[{"role": "user", "content": said}], add_generation_prompt=True, tools=None, **self.names
            )
        except Exception as error:  # whatever a stranger's program may do wrong
            raise ValueError(f"the model's chat template fails: {error}") from None
        ids: list[int] = []
        for piece in filter(None, self.cut.split(whole)):
            ids += [self.special[piece]] if piece in self.special else self.tokenizer.encode(piece.replace(mark, ""))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of some ids, as the tokenizer has it."""
        return self.tokenizer.decode(ids)


def refuse(message: str) -> None:
    """What a template calls for a conversation that it does not take."""
    raise ValueError(message)
