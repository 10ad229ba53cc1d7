"""From an example to tokens, and which of them are learned: all of a text, of others what the assistant says.

A text stands between two ends of text, as documents do in pre-training. A completion that is a text follows its prompt
and has the end of text behind it; messages are as the chat template writes them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from glassworks.core.progress import counted
from glassworks.data.dialogues.rows import Learned, Row
from glassworks.data.tokenizers.chat import Chat, Message
from glassworks.data.tokenizers.codec import Tokenizer


class Tokens(NamedTuple):
    """An example as tokens."""

    ids: list[int]
    learned: list[bool]
    """Of each token whether it counts as a target; the first never does."""


@dataclass
class Cut:
    """How many examples were too long, and how many were left out for it."""

    cut: int = 0
    lost: int = 0

    def notes(self, n_ctx: int) -> list[str]:
        """What there is to say of that, a sentence each."""
        said = []
        if self.cut:
            said.append(f"{counted(self.cut, 'example')} cut to {n_ctx} tokens (n_ctx)")
        if self.lost:
            said.append(f"{counted(self.lost, 'example')} left out: nothing to learn in the first {n_ctx} tokens")
        return said


@dataclass(frozen=True)
class Writer:
    """Writes examples as tokens, of at most `n_ctx` inputs."""

    tokenizer: Tokenizer
    chat: Chat
    n_ctx: int
    learned: Learned = "answers"

    def sequences(self, rows: Iterable[Row], cut: Cut | None = None) -> Iterator[Tokens]:
        """Texts, completions and conversations as tokens; a text that is too long in parts, others cut."""
        count = cut or Cut()
        for row in rows:
            if "text" in row:
                yield from self.parts(row["text"])
                continue
            if "messages" in row:
                made = self.conversation(row["messages"])
            else:
                made = self.completed(row["prompt"], row["completion"])
            short = Tokens(made.ids[: self.n_ctx + 1], made.learned[: self.n_ctx + 1])
            count.cut += len(short.ids) < len(made.ids)
            if any(short.learned):
                yield short
            else:
                count.lost += 1

    def parts(self, text: str) -> Iterator[Tokens]:
        """A text between two ends of text, in parts that share a token, so that each is predicted once."""
        ids = [self.tokenizer.eot, *self.tokenizer.encode(text), self.tokenizer.eot]
        for start in range(0, len(ids) - 1, self.n_ctx):
            some = ids[start : start + self.n_ctx + 1]
            yield Tokens(some, [False, *[True] * (len(some) - 1)])

    def conversation(self, messages: Sequence[Message]) -> Tokens:
        """All of a conversation up to its last answer."""
        if not any(message["role"] == "assistant" for message in messages):
            raise ValueError(f"messages (={messages!r:.60}) have none of the assistant: there is nothing to learn")
        return self.joined(self.chat.turns(messages))

    def completed(self, prompt: Any, completion: Any) -> Tokens:
        """A prompt and what follows it."""
        first = self.prompt(prompt)
        if isinstance(completion, str) and not isinstance(prompt, str):
            completion = [{"role": "assistant", "content": completion}]
        if isinstance(completion, str):
            return self.joined([(first, False), ([*self.tokenizer.encode(completion), self.tokenizer.eot], True)])
        before = messages_of(prompt)
        parts = self.chat.turns([*before, *completion])
        known = sum(message["role"] == "assistant" for message in before)  # answers that the prompt holds
        told = [(ids, says and number >= 2 * known) for number, (ids, says) in enumerate(parts)]
        return self.joined(told)

    def prompt(self, prompt: Any) -> list[int]:
        """A prompt as the model is given it: a text as it is, messages up to where the answer begins."""
        if isinstance(prompt, str):
            return self.tokenizer.encode(prompt) or [self.tokenizer.eot]
        return self.chat.prompt(prompt)

    def joined(self, parts: Sequence[tuple[list[int], bool]]) -> Tokens:
        """Parts as one example."""
        ids = [id for some, _ in parts for id in some]
        learned = [says or self.learned == "all" for some, says in parts for _ in some]
        return Tokens(ids, [False, *learned[1:]])


def messages_of(prompt: Any) -> list[Message]:
    """A prompt as messages: a text is what the user says."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
