"""What a method is tried on: a model, a sentence, a second sentence to contrast it with, and text to measure on.

    subject = open_subject("runs/shakes", text="To be or not to be")
    logit_lens(subject.model, subject.tokens, subject.labels, names=subject.texts)

A run brings its own held-out text. A model folder has none: give `data`, or the model writes some itself, which is in
its own words and so flatters it. Where a contrast is needed and none is given, one token of the sentence is replaced
(`contrasts`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.core.progress import counted
from glassworks.data.batches import Windows
from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.interpret.catalogue.contrasts import answers, contrast, sentence_of
from glassworks.interpret.catalogue.run_traces import PASSAGE, SENTENCE, longest_document
from glassworks.interpret.causes.metrics import Metric, logit_difference
from glassworks.models.generation.sampling import continue_ids
from glassworks.models.gpt.model import GPT
from glassworks.train.opening import open_text

FITTED = 2**16  # tokens that probes, lenses and autoencoders are fitted on, at most
HELD_OUT = 2**13  # tokens that they are judged on
LEAST = 2**12  # tokens of either, where a large model would be long about more
LARGE = 2**24  # weights from which on it is given fewer tokens, so that reading them takes no longer
WRITTEN = 2**12  # tokens that a model without text writes for itself
WINDOW = 128
READ = 240  # tokens of a held-out document that are coloured by surprise

Windowed = Callable[[], tuple[Int[Tensor, "N T"], Int[Tensor, "M T"]]]


@dataclass(frozen=True, eq=False, repr=False)
class Subject:
    """A model and texts for it, in its own tokens."""

    model: GPT
    tokenizer: Tokenizer
    tokens: Int[Tensor, " T"]
    """The sentence, led by the token that ends a text."""
    passage: Int[Tensor, " P"]
    """A longer text, for what is read rather than drawn."""
    against: Int[Tensor, " T"]
    """The sentence to contrast with: as many tokens."""
    windows: Windowed
    """Text to fit on and text to judge on, asked for only when a method needs it."""
    name: str = "model"
    folder: Path | None = None
    """The run's, None for a model that is not of a run."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What "text", "data" and "against" are, in sentences."""
    seed: int = 0
    """Of all that is drawn at random."""

    def __repr__(self) -> str:
        """The model's shape and the beginnings of the texts, so that it fits a screen."""
        config = self.model.config
        shape = f"{config.n_layer} layers of {config.n_head} heads, {config.n_embd} wide, {config.vocab_size:,} tokens"
        texts = {"text": self.tokens, "against": self.against, "passage": self.passage}
        lines = [f"Subject {self.name}: {config.architecture}, {shape}, {self.model.num_params():,} parameters"]
        for name, tokens in texts.items():
            lines.append(f"  {name:7}  {len(tokens):3} tokens  {''.join(self.named(tokens[:64]))!r}")
        return "\n".join(line if len(line) <= 100 else f"{line[:99]}…" for line in lines)

    @cached_property
    def labels(self) -> list[str]:
        """The sentence's tokens as texts."""
        return self.named(self.tokens)

    @cached_property
    def texts(self) -> list[str]:
        """The text of every token of the vocabulary, by id."""
        return self.named(torch.arange(self.model.config.vocab_size))

    @property
    def at_once(self) -> int:
        """Rows for one pass with gradients: 32, fewer where their logits would take more than a quarter of a GB."""
        return max(1, min(32, 2**26 // (context(self.model) * self.model.config.vocab_size)))

    @property
    def is_large(self) -> bool:
        """Whether the model is given less to do, so that it takes minutes."""
        return self.model.num_params() > LARGE

    def fewer(self, rows: Int[Tensor, "N T"], large: int) -> Int[Tensor, "M T"]:
        """The rows; of a large model no more than the first `large` of them."""
        return rows[:large] if self.is_large else rows

    @cached_property
    def rows(self) -> tuple[Tensor, Tensor]:
        """Rows of tokens to fit on and others to judge on."""
        return self.windows()

    @property
    def fitting(self) -> Int[Tensor, "N T"]:
        """Rows to fit on."""
        return self.rows[0]

    @property
    def held_out(self) -> Int[Tensor, "M T"]:
        """Rows that nothing was fitted on."""
        return self.rows[1]

    @cached_property
    def answer(self) -> tuple[int, int]:
        """What the model says next after the sentence, and what it would rather say after the contrasting one.

        The second is told by `contrasts.answers`.
        """
        with torch.no_grad():
            clean, corrupt = self.model(torch.stack([self.tokens, self.against]))[:, -1].float()
        right, wrong = (int(token) for token in answers(clean, corrupt))
        return right, wrong

    @cached_property
    def metric(self) -> Metric:
        """Logit of what the model says next less that of what it would rather say after the contrasting sentence."""
        right, wrong = self.answer
        return logit_difference(self.tokens.new_tensor([right]), self.tokens.new_tensor([wrong]))

    def named(self, tokens: Int[Tensor, " T"]) -> list[str]:
        """Each token as text."""
        return [self.tokenizer.token(id) for id in tokens.tolist()]


def open_subject(
    name: str,
    *,
    text: str | None = None,
    against: str | None = None,
    data: str | None = None,
    reading: Reading | None = None,
    seed: int = 0,
) -> Subject:
    """A run (by path or name), a model folder or a GGUF file, on the CPU, with texts to look at it by.

    Args:
        name: the run, the folder or the file.
        text: the sentence; None = of a held-out document, or of what the model writes, some tokens from the begin of a
            line on, with something to explain: see `contrasts.sentence_of`. At most 32 tokens of it, and no more than
            the context, are drawn.
        against: the contrasting sentence, of as many tokens; None = one token of the sentence is replaced by another
            of its own, where that turns the answer most: see `contrasts.largest_turn`.
        data: a file or folder of text to measure on; None = the run's own, or what the model writes.
        reading: which column of tables in it, and whether to leave out what cannot be read.
        seed: of what the model writes and of what is drawn at random.

    Raises: ValueError for a text that is too short, and for a contrast of another length; RunError and FileDamaged for
    a name that is no run or folder, or a damaged one.
    """
    opened = open_text(name, use="look")
    model, tokenizer, folder = opened.model, opened.tokenizer, None
    if opened.run is not None:
        name, folder, corpus = opened.run.name, opened.run.path, opened.data
        start = longest_document(corpus)
        first, last = (int(corpus.val.starts[i]) for i in (start, start + 1))
        passage = torch.from_numpy(corpus.val.read(first, min(READ, last - first)))
        windows: Windowed = lambda: (  # noqa: E731
            rows_of(Windows(corpus.train, 1, context(model), seed), corpus.train.num_tokens, amounts(model)[0]),
            rows_of(Windows(corpus.val, 1, context(model), seed), corpus.val.num_tokens, amounts(model)[1]),
        )
        notes = {
            "text": "The text is of a held-out document.",
            "data": "Numbers over much text are of the run's own held-out split.",
        }
    else:
        passage, windows, notes = written(model, tokenizer, seed, text is None)
        name = Path(name).resolve().name
    if data is not None:
        next(documents(data, reading))  # refuses what is not there at once, also where no method reads it
        windows, notes["data"] = (
            (lambda: from_file(tokenizer, data, reading, context(model), sum(amounts(model)))),
            f"Numbers over much text are of {data}.",
        )
    if model.num_params() > LARGE and "data" in notes:
        notes["data"] += f" It is read as far as {sum(amounts(model)):,} tokens, since the model is large."
    if text is not None:
        passage, notes["text"] = torch.tensor([tokenizer.eot, *tokenizer.encode(text)]), "The text is the one given."
    longest = min(SENTENCE, model.config.n_ctx)
    tokens = passage[:longest]
    if text is None:
        tokens = sentence_of(model, tokenizer, passage, longest, *([1] if model.num_params() > LARGE else []))
        notes["text"] += " Of its first lines, and of their ends, it is what one replaced token changes most."
    if len(tokens) < 3:
        raise ValueError(f"text (={text!r}) must have at least 2 tokens, not {len(tokens) - 1}: give a longer one")
    left_out = len(passage) - len(tokens) if text is not None else 0
    if left_out:
        notes["text"] += f" Its end, {counted(left_out, 'token')}, is left out of the drawings."
    if against is not None and text is None:
        raise ValueError(f'against (={against!r}) needs a text to be contrasted with: give text="..." too')
    other, notes["against"] = contrast(model, tokenizer, tokens, len(passage), against)
    return Subject(model, tokenizer, tokens, passage[:PASSAGE], other, windows, name, folder, notes, seed)


def context(model: GPT) -> int:
    """Tokens of a row to measure on."""
    return min(WINDOW, model.config.n_ctx)


# ----------------------------------------------------------------------------------------------------------------------
# Text to measure on


def rows_of(windows: Windows, num_tokens: int, most: int) -> Int[Tensor, "N T"]:
    """Rows of n_ctx tokens, in the pseudo-random order of training, no more than `most` tokens or all there are."""
    count = max(1, min(most, num_tokens) // windows.n_ctx)
    return torch.cat([windows(i).inputs for i in range(count)])


def amounts(model: GPT) -> tuple[int, int]:
    """Tokens to fit on and to judge on, at most."""
    fitted = max(LEAST, min(FITTED, FITTED * LARGE // model.num_params()))
    return fitted, min(HELD_OUT, max(LEAST, fitted // 8))


def from_file(tokenizer: Tokenizer, data: str, reading: Reading | None, n_ctx: int, most: int) -> tuple[Tensor, Tensor]:
    """Rows of a source of text, of no more than `most` tokens: four fifths to fit on, the last fifth to judge on."""
    ids: list[int] = []
    for document in documents(data, reading):
        ids += [tokenizer.eot, *tokenizer.encode(document.text)]
        if len(ids) > most:
            break
    count = min(most, len(ids)) // n_ctx
    if count < 2:
        raise ValueError(f"data (={data!r}) has {len(ids)} tokens: give at least {2 * n_ctx}")
    return split(torch.tensor(ids[: count * n_ctx]).view(count, n_ctx))


def split(rows: Int[Tensor, "N T"]) -> tuple[Tensor, Tensor]:
    """The last fifth apart."""
    cut = min(len(rows) - 1, max(1, len(rows) * 4 // 5))
    return rows[:cut], rows[cut:]


def written(model: GPT, tokenizer: Tokenizer, seed: int, own: bool) -> tuple[Tensor, Windowed, dict[str, str]]:
    """What a model without text writes, at temperature 1, from the token that ends a text; `own` = a passage too."""
    length = min(64, model.config.n_ctx - 1)
    (ids,) = continue_ids(model, tokenizer, [[]], max_tokens=length, temperature=1.0, seed=seed) if own else ([],)
    passage = torch.tensor([tokenizer.eot, *ids])

    def windows() -> tuple[Tensor, Tensor]:
        n_ctx = context(model)
        rows: list[list[int]] = [[]] * max(2, WRITTEN // n_ctx)
        texts = continue_ids(model, tokenizer, rows, max_tokens=n_ctx - 1, temperature=1.0, seed=seed + 1)
        ids = [id for text in texts for id in (tokenizer.eot, *text)]
        ids += [tokenizer.eot] * max(0, 2 * n_ctx - len(ids))  # a model that ends every text at once
        count = len(ids) // n_ctx
        return split(torch.tensor(ids[: count * n_ctx]).view(count, n_ctx))

    notes = {
        "text": f"No text was given, so the model wrote it itself (temperature 1, seed {seed}).",
        "data": "No data was given: numbers over much text are of what the model writes itself, which flatters it.",
    }
    return passage, windows, notes
