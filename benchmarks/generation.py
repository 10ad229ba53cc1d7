"""Tokens per second of `models.sampling` beside transformers' `generate`, with the same weights, in one run.

    python benchmarks/generation.py [--repeats 5] [--threads 2] [--only gpt2-4x128]

Every line is the median of interleaved repeats: a prompt of 32 tokens, then 128 new ones, no early end. transformers
runs as it does best without compiling: evaluation mode, inference mode, its cache, fused attention, the same dtype.
The column "bf16" is our own ratio with bfloat16 weights against transformers with float32 ones: a different number
format, so no part of the comparison.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from glassworks.models.gpt import GPT, GPTConfig
from glassworks.models.io import load_model, save_model
from glassworks.models.sampling import stream

SHAPES = {
    "gpt2-4x128": GPTConfig("gpt2", 4096, 256, 4, 4, 128),
    "nanochat-4x128": GPTConfig("nanochat", 4096, 256, 4, 4, 128),
    "qwen3-4x128": GPTConfig("qwen3", 4096, 256, 4, 4, 128),
    "gpt2-6x384": GPTConfig("gpt2", 4096, 256, 6, 6, 384),
    "nanochat-6x384": GPTConfig("nanochat", 4096, 256, 6, 6, 384),
    "gpt2-124M": GPTConfig("gpt2", 50257, 1024, 12, 12, 768),
}
PROMPT, NEW = 32, 128
MODES: dict[str, dict[str, Any]] = {"greedy": {"temperature": 0.0}, "top-k": {"top_k": 50}}


def random_model(config: GPTConfig) -> GPT:
    """A model whose every weight is random, so that nothing is zero by initialisation."""
    model = GPT(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.02)
    return model


def ours(model: GPT, prompts: list[list[int]], mode: str) -> None:
    """Write NEW tokens a row."""
    count = sum(1 for _ in stream(model, prompts, max_tokens=NEW, ended=lambda row, token: False, **MODES[mode]))
    assert count == NEW


def theirs(model: Any, prompts: list[list[int]], mode: str) -> None:
    """Write NEW tokens a row."""
    tokens = torch.tensor(prompts)
    how = {"do_sample": False} if mode == "greedy" else {"do_sample": True, **MODES[mode]}
    with torch.inference_mode():
        out = model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=NEW, pad_token_id=0, use_cache=True, **how
        )
    assert out.shape == (len(prompts), PROMPT + NEW)


def seconds(function: Callable[..., None], *arguments: Any) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default="", help="part of a shape's name")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {args.threads} threads\n")
    print("| model | batch | mode | transformers tok/s | ours tok/s | ratio | bf16 |\n|---|---|---|---|---|---|---|")
    for name, config in SHAPES.items():
        if args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            save_model(random_model(config), Path(folder) / "model")
            model = load_model(Path(folder) / "model")
            half = load_model(Path(folder) / "model", dtype=torch.bfloat16)
            peer = transformers.AutoModelForCausalLM.from_pretrained(Path(folder) / "model").eval()
        for batch in (1, 16):
            prompts = torch.randint(config.vocab_size, (batch, PROMPT), generator=torch.Generator().manual_seed(1))
            rows = prompts.tolist()
            for mode in MODES:
                times: list[tuple[float, ...]] = []
                for repeat in range(args.repeats + 1):
                    once = (
                        seconds(theirs, peer, rows, mode),
                        seconds(ours, model, rows, mode),
                        seconds(ours, half, rows, mode),
                    )
                    times += [once] if repeat else []  # the first call of each warms up
                peer_s, ours_s, half_s = (statistics.median(column) for column in zip(*times, strict=True))
                speed = [f"{batch * NEW / s:,.0f}" for s in (peer_s, ours_s)]
                ratios = [f"{peer_s / ours_s:.2f}", f"{peer_s / half_s:.2f}"]
                print("| " + " | ".join([name, str(batch), mode, *speed, *ratios]) + " |", flush=True)


if __name__ == "__main__":
    main()
