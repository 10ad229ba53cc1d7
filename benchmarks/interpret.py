"""Capturing, patching and edge attribution beside TransformerLens, with the same weights, in one run.

    pip install -r benchmarks/requirements-interpret.txt
    python benchmarks/interpret.py [--repeats 5] [--threads 2] [--only capture] [--shape 4x128]

Random GPT-2s: transformers' GPT2LMHeadModel is wrapped by TransformerLens and saved and opened by us. Both sides run in
turn, again and again; the ratio is the median of the ratios of neighbours, so that other work on the machine cancels
out, and a time is the median of its own. Times are CPU seconds of the process, all threads together; with --wall those
of the clock. The last column is the largest difference of the results over the largest result.

capture   the residual stream before every layer and after the last, by `run_with_cache` beside `capture`. On their
          side: only the "streams" (names_filter), the streams and no head ("stopped", stop_at_layer), or "everything".
          On ours: all logits as in theirs, or the last position's only (`model(tokens, last=True)`).
sweep     every head's output at every position patched from a clean into a corrupt run:
          `get_act_patch_attn_head_out_by_pos` beside `activation_patching(sites="z")`, both from the tokens on
          (its clean cache included), and with no controls on our side.
edges     attribution of every edge of the graph: `attribution_patch` with granularity "edge" beside
          `edge_attribution`, with no edges checked on our side.
"""

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

if "--threads" in sys.argv:
    os.environ["OMP_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.graph import Graph
from glassworks.interpret.causes.metrics import logit_difference
from glassworks.interpret.causes.patching import activation_patching
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model

SHAPES = {"4x128": (4, 4, 128), "12x768": (12, 12, 768)}
VOCABULARY = 50257


def both_models(layers: int, heads: int, width: int) -> tuple[GPT, Any]:
    """One random GPT-2 twice: ours, and TransformerLens's around transformers' own."""
    config = transformers.GPT2Config(n_layer=layers, n_head=heads, n_embd=width, vocab_size=VOCABULARY)
    config.architectures = ["GPT2LMHeadModel"]
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():  # biases and gains are 0 and 1 in a fresh model
            p.add_(torch.randn_like(p), alpha=0.02)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder) / "model")
        ours = load_model(Path(folder) / "model")
    # The bridge asks for a tokenizer, and would download one; all inputs here are tokens already.
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0})), eos_token="a")
    theirs = TransformerBridge.boot_transformers("gpt2", hf_model=model, device="cpu", tokenizer=words)
    theirs.eval()
    return ours, theirs


def pairs(batch: int, T: int) -> tuple[Tensor, Tensor]:
    """Clean and corrupt tokens that differ at one early position."""
    clean = torch.randint(VOCABULARY, (batch, T), generator=torch.Generator().manual_seed(1))
    corrupt = clean.clone()
    corrupt[:, 2] = (clean[:, 2] + 1) % VOCABULARY
    return clean, corrupt


# ----------------------------------------------------------------------------------------------------------------------
# What is compared: each returns its result


def our_capture(model: GPT, tokens: Tensor, *, last: bool) -> Tensor:
    """(L + 1, B, T, C); `last` = logits of the last position only."""
    with torch.no_grad(), capture(model, ["blocks.*.resid_pre", f"blocks.{len(model.blocks) - 1}.resid_post"]) as seen:
        model(tokens, last=last)
    return torch.stack(list(seen.values()))


def their_capture(model: Any, tokens: Tensor, kind: str) -> Tensor:
    """(L + 1, B, T, C)."""
    layers = model.cfg.n_layers
    wanted = [f"blocks.{layer}.hook_resid_pre" for layer in range(layers)] + [f"blocks.{layers - 1}.hook_resid_post"]
    how: dict[str, Any] = {} if kind == "everything" else {"names_filter": lambda name: name in wanted}
    if kind == "streams, stopped":
        how["stop_at_layer"] = layers
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens, **how)
    return torch.stack([cache[name] for name in wanted])


def our_sweep(model: GPT, clean: Tensor, corrupt: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """Metric of every patch, (L, H, T)."""
    trace = activation_patching(model, clean, corrupt, logit_difference(right, wrong), sites="z", controls=0)
    return torch.from_numpy(trace.arrays["z_metric"]).mean(-1)


def their_sweep(model: Any, clean: Tensor, corrupt: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """Metric of every patch, (L, H, T)."""
    rows = torch.arange(len(clean))

    def metric(logits: Tensor) -> Tensor:
        return (logits[rows, -1, right] - logits[rows, -1, wrong]).mean()

    with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        _, cache = model.run_with_cache(clean, names_filter=lambda name: name.endswith("attn.hook_z"))
        found = patching.get_act_patch_attn_head_out_by_pos(model, corrupt, cache, metric)
    return found.transpose(1, 2)


def our_edges(model: GPT, clean: Tensor, corrupt: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """Scores of all edges in the order of the graph, in units of the metric."""
    trace = edge_attribution(model, clean, corrupt, logit_difference(right, wrong), check=0)
    return torch.from_numpy((trace.arrays["score"] * trace.meta["scale"])[trace.arrays["edge"]])


def their_edges(model: Any, clean: Tensor, corrupt: Tensor, right: Tensor, wrong: Tensor) -> Any:
    """Scores of one pair's edges at each position. Its slopes are the corrupt run's, so the two change places."""
    metric = lambda logits: logits[0, -1, right[0]] - logits[0, -1, wrong[0]]  # noqa: E731
    return attribution_patch(model, corrupt, clean, metric, EdgeAttributionConfig(granularity="edge")).edge_scores


def edges_apart(ours: Tensor, theirs: Any) -> float:
    """Its scores summed over positions beside ours, by name."""
    layers = 1 + max(writer.layer for writer, _ in theirs if writer.layer is not None)
    heads = 1 + max(writer.head for writer, _ in theirs if writer.head is not None)
    graph = Graph(GPTConfig("gpt2", 2, 2, layers, heads, heads))
    found = torch.zeros(graph.edges.shape, dtype=torch.float64)
    for (writer, reader), score in theirs.items():
        from_ = {"embed": "embed", "mlp_out": f"m{writer.layer}"}.get(writer.kind, f"a{writer.layer}.h{writer.head}")
        part = reader.kind.split("_")[0]
        to = {"logits": "logits", "mlp": f"m{reader.layer}"}.get(part, f"a{reader.layer}.h{reader.head}.{part[0]}")
        found[graph.writers.index(from_), graph.readers.index(to)] -= score
    return relative(ours, found[torch.from_numpy(graph.edges)])


# ----------------------------------------------------------------------------------------------------------------------


def timed(function: Callable[..., Any], *arguments: Any, wall: bool) -> tuple[float, Any]:
    """Seconds of one call, and its result."""
    clock = time.perf_counter if wall else time.process_time
    start = clock()
    result = function(*arguments)
    return clock() - start, result


def line(name: str, repeats: int, wall: bool, ours: Callable[[], Any], theirs: Callable[[], Any], apart: Any) -> None:
    """Measure in turn, and print a row of the table."""
    times = []
    for repeat in range(repeats + 1):
        (their_time, reference), (our_time, result) = timed(theirs, wall=wall), timed(ours, wall=wall)
        times += [(their_time, our_time)] if repeat or repeats == 0 else []  # the first call of each warms up
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    ratio = statistics.median(their_time / our_time for their_time, our_time in times)
    print(
        f"| {name} | {medians[0]:.4f} | {medians[1]:.4f} | {ratio:.2f} | {apart(result, reference):.0e} |", flush=True
    )


def relative(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference over the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="of the sweep at 12x768 at most 1; 0 = once, cold")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default="", help="capture, sweep or edges")
    parser.add_argument("--shape", default="", help=" or ".join(SHAPES))
    parser.add_argument("--wall", action="store_true", help="seconds of the clock instead of CPU seconds")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, TransformerLens {version('transformer-lens')}, {args.threads} threads\n")
    print("| task | TransformerLens s | ours s | ratio | apart |\n|---|---|---|---|---|")
    for shape, sizes in SHAPES.items():
        if args.shape in shape:
            for name, repeats, ours, theirs, apart in tasks(sizes, args.repeats):
                if args.only in name:
                    line(f"{shape} {name}", repeats, args.wall, ours, theirs, apart)


def tasks(
    sizes: tuple[int, int, int], repeats: int
) -> Iterator[tuple[str, int, Callable[[], Any], Callable[[], Any], Any]]:
    """Name, repeats, our side, their side, and how to compare the results."""
    ours, theirs = both_models(*sizes)
    for batch, T in ((1, 16), (1, 64), (8, 64)):
        tokens = pairs(batch, T)[0]
        for kind, last in (("streams", False), ("streams", True), ("streams, stopped", True), ("everything", True)):
            name = f"capture, {batch} x {T}, {kind}" + ", ours with the last logits" * last
            peer = partial(their_capture, theirs, tokens, kind)
            yield name, 2 * repeats, partial(our_capture, ours, tokens, last=last), peer, relative
    clean, corrupt = pairs(1, 16)
    given = (clean, corrupt, clean[:, 1], corrupt[:, 2])
    sweeps = repeats if sizes[0] < 12 else min(repeats, 1)
    yield "sweep, 1 x 16", sweeps, partial(our_sweep, ours, *given), partial(their_sweep, theirs, *given), relative
    yield "edges, 1 x 16", repeats, partial(our_edges, ours, *given), partial(their_edges, theirs, *given), edges_apart


if __name__ == "__main__":
    main()
