"""Any model on any text."""

from pathlib import Path

import torch

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.evaluate.text import evaluate_text
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


def test_a_perplexity_beyond_all_numbers_is_infinite(tmp_path: Path) -> None:
    """Of a model whose logits are huge, but finite."""
    (tmp_path / "text.txt").write_text("how much is lost here? " * 4)
    model = GPT(GPTConfig("gpt2", 257, 16, 1, 2, 8))
    with torch.no_grad():
        model.head.weight.normal_(0, 1e6, generator=torch.Generator().manual_seed(0))
    assert "perplexity inf in windows of 16" in evaluate_text(model, byte_tokenizer(), str(tmp_path / "text.txt"))
