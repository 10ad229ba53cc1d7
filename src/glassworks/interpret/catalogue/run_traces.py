"""What the report shows of a run's model from the inside: four traces, written into the run."""

from collections.abc import Callable

import numpy as np
import torch

from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.data.batches import Windows
from glassworks.data.text.shards import Corpus
from glassworks.data.tokenizers.spans import in_order
from glassworks.interpret.transformer.health import health
from glassworks.interpret.transformer.lens import attention_patterns, logit_lens, surprise
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_text

SENTENCE = 32  # tokens of the sentence whose attention is drawn
PASSAGE = 600  # tokens of held-out text coloured by surprise
SAMPLE = 4096  # tokens that activations and gradients are measured on
LOGITS = 1 << 26  # numbers that the network gives for them at most, a quarter of a gigabyte


def trace_run(run: Run, text: str | None = None) -> int:
    """Write traces/{attention,logit_lens,surprise,health} of a run, for `text` or the start of a held-out document.

    Returns how many tokens of the text were left out: at most 32, and the model's context, are drawn.
    """
    opened = open_text(run, use="report")
    corpus, model = opened.data, opened.model
    encode = corpus.tokenizer.encode
    held_out = longest_document(corpus)
    start = int(corpus.val.starts[held_out])
    size = min(PASSAGE, int(corpus.val.starts[held_out + 1]) - start)
    passage = torch.from_numpy(corpus.val.read(start, size))
    sentence = passage if text is None else torch.tensor([corpus.tokenizer.eot, *encode(text)])
    whole, sentence = sentence, sentence[: min(SENTENCE, model.config.n_ctx)]
    folder = run.path / "traces"
    folder.mkdir(exist_ok=True)
    words, k = pieces(corpus, sentence), min(5, model.config.vocab_size)
    looks: dict[str, Callable[[], Trace]] = {
        "attention": lambda: attention_patterns(model, sentence, words),
        "logit_lens": lambda: logit_lens(model, sentence, words, k=k),
        "surprise": lambda: surprise(model, passage, in_order(corpus.tokenizer, passage)),
        "health": lambda: health(model, *sample_of(corpus, model), text="training text"),
    }
    with tracked("look inside", len(looks)) as report:
        for done, (name, look) in enumerate(looks.items(), 1):
            look().save(folder / name)
            report(done)
    return 0 if text is None else len(whole) - len(sentence)


def longest_document(corpus: Corpus) -> int:
    """Number of the longest among the first 1,000 held-out documents."""
    return int(np.diff(corpus.val.starts[:1001]).argmax())


def pieces(corpus: Corpus, tokens: torch.Tensor) -> list[str]:
    """Each token as text."""
    return [corpus.tokenizer.token(id) for id in tokens.tolist()]


def sample_of(corpus: Corpus, model: GPT) -> tuple[torch.Tensor, torch.Tensor]:
    """Some 4,096 tokens of training text, inputs and targets; fewer where their logits would fill the memory."""
    n_ctx, tokens = model.config.n_ctx, min(SAMPLE, LOGITS // model.config.vocab_size)
    batch = Windows(corpus.train, max(1, tokens // n_ctx), n_ctx, seed=0)(0)
    return batch.inputs, batch.targets
