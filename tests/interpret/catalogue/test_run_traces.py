"""How much of a run's text is measured for its report."""

from pathlib import Path

import pytest

from glassworks.data.text.shards import prepare
from glassworks.interpret.catalogue.run_traces import sample_of
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


@pytest.mark.parametrize(("vocab_size", "tokens"), [(257, 4096), (16_384, 4096), (49_152, 1344)])
def test_the_sample_of_a_large_vocabulary_is_smaller(tmp_path: Path, vocab_size: int, tokens: int) -> None:
    (tmp_path / "text.txt").write_text("a b c d e f g h \n\n" * 1000, encoding="utf-8")
    corpus = prepare(str(tmp_path / "text.txt"), "bytes", tmp_path / "made")
    model = GPT(GPTConfig("gpt2", vocab_size, 64, 1, 1, 2))
    inputs, targets = sample_of(corpus, model)
    assert inputs.numel() == targets.numel() == tokens
