"""Options to choose among: what one model writes several times behind a prompt, or several models once each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassworks.core.files import at_home, read_text
from glassworks.core.progress import tracked
from glassworks.data.choices.comparison import Comparison, Option, Prompt
from glassworks.data.dialogues.read import read_rows
from glassworks.data.text.shards import Corpus
from glassworks.data.tokenizers.chat import Chat, read_template
from glassworks.models.generation.completion import generate
from glassworks.models.generation.text import Tokenizer
from glassworks.train.opening import OpenedText

AT_ONCE = 16
"""Prompts that are gone on with together."""
BEGINNING = 24
"""Tokens of a held-out document that a prompt is."""


@dataclass(frozen=True)
class Writers:
    """Models, each with the tokenizer that reads prompts for it, and its name."""

    models: list[OpenedText]
    tokenizers: list[Tokenizer]
    names: list[str]

    @classmethod
    def of(cls, opened: Sequence[OpenedText], names: Sequence[str], *, chat: bool = False) -> "Writers":
        """Models by their names; ValueError with `chat` for one that has no chat template."""
        return cls(list(opened), [reader_of(one, chat=chat) for one in opened], list(names))


def reader_of(opened: OpenedText, *, chat: bool) -> Tokenizer:
    """What turns a prompt into tokens: the tokenizer, or with `chat` the chat template."""
    template = read_template(opened.path) if chat else None
    if chat and template is None:
        raise ValueError(
            f"--chat: {opened.path} has no chat template: leave it out, and the model goes on with the prompt"
        )
    return opened.tokenizer if template is None else Chat(opened.tokenizer, template)


def prompts_for(opened: OpenedText, names: Sequence[str], count: int, seed: int) -> list[str]:
    """At most so many prompts of the files that are named, or of how a run's held-out documents begin; none twice."""
    if names:
        found = [text for name in names for text in prompts_in(name)]
    elif opened.run is None:
        raise ValueError("prompts is empty, and a model folder has no text of its own: give some by --prompts")
    else:
        data = opened.data
        if not isinstance(data, Corpus):
            raise ValueError("prompts is empty, and this run has no text to begin with: give some by --prompts")
        found = beginnings(data, opened.model.config.n_ctx, count, seed)
    return list(dict.fromkeys(filter(None, found)))[:count]


def prompts_in(name: str) -> list[str]:
    """A file's prompts: lines of a .txt, or what each row begins with."""
    if name.lower().endswith(".txt"):
        return [line for line in read_text(at_home(name)).splitlines() if line.strip()]
    rows = read_rows([name])
    texts = (row.get("prompt", row.get("text", row.get("messages"))) for row in rows)
    return [text if isinstance(text, str) else str(text[0]["content"]) for text in texts if text]


def beginnings(corpus: Corpus, n_ctx: int, count: int, seed: int) -> list[str]:
    """How held-out documents begin, of some at random."""
    order = np.random.default_rng(seed).permutation(corpus.val.num_documents)[:count]
    found = []
    for i in order.tolist():
        first, last = int(corpus.val.starts[i]), int(corpus.val.starts[i + 1])
        ids = corpus.val.read(first + 1, min(BEGINNING, last - first - 1, n_ctx // 2))
        found.append(corpus.tokenizer.decode(ids.tolist()))
    return found


def compared(writers: Writers, prompts: Sequence[str], options: int, seed: int = 0, **how: Any) -> Iterator[Comparison]:
    """Comparisons of what the models write: `options` of one, or one of each of several; equal texts count once.

    A prompt behind which all is written alike is left out. `how` are the fields of `Sampling`.
    """
    each = options if len(writers.models) == 1 else 1
    parts = [prompts[i : i + AT_ONCE] for i in range(0, len(prompts), AT_ONCE)]
    with tracked("writing options", len(parts)) as report:
        for number, part in enumerate(parts):
            written: list[dict[str, str]] = [{} for _ in part]
            for i, (one, reader, name) in enumerate(
                zip(writers.models, writers.tokenizers, writers.names, strict=True)
            ):
                repeated = [prompt for prompt in part for _ in range(each)]
                texts = generate(one.model, reader, repeated, seed=seed + number * len(writers.models) + i, **how)
                for place, text in enumerate(texts):
                    written[place // each].setdefault(text, name)
            report(number + 1)
            for prompt, texts_of in zip(part, written, strict=True):
                if len(texts_of) > 1:
                    yield comparison(prompt, texts_of, chat=isinstance(writers.tokenizers[0], Chat))


def comparison(prompt: str, texts: dict[str, str], *, chat: bool) -> Comparison:
    """Texts, each with the model that wrote it, as options behind a prompt."""
    if not chat:
        return Comparison.of(prompt, [Option({"text": text}, name) for text, name in texts.items()])[0]
    asked: Prompt = [{"role": "user", "content": prompt}]
    said = [Option({"messages": [{"role": "assistant", "content": text}]}, name) for text, name in texts.items()]
    return Comparison.of(asked, said)[0]
