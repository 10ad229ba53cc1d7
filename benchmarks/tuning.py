"""Milliseconds of a tuning step beside TRL's, and the memory of a LoRA step beside PEFT's, with the same weights.

    pip install -r benchmarks/requirements-tuning.txt
    python benchmarks/tuning.py [sft dpo grpo memory] [--rounds 5] [--steps 12] [--threads 1]

A model of 1.05 million weights (4 layers of width 128, a vocabulary of 2,048), batches of 8 examples of 128 tokens, of
which half are a prompt, in float32 on a CPU. Both sides run in turn, some steps each, again and again; a time is the
median of its steps, a ratio the median of the ratios of neighbouring rounds. TRL runs without gradient checkpointing
and bfloat16, which it would otherwise take on a CPU, too. DPO's reference is asked once here; TRL asks it at every step
unless it is told otherwise, so it is measured both ways. Memory is the peak of a process of its own, less what it held
before the first step, of 12 layers of width 768.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

if "--threads" in sys.argv:
    os.environ["OMP_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]
os.environ["HF_HUB_OFFLINE"] = "1"  # which turns off what TRL tells of its users, too

import torch
from tuning_policy import compare

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.data.tokenizers.chat import PLAIN, Template
from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.train.device import pick_device
from glassworks.train.distributed import Ranks
from glassworks.train.fit import fit
from glassworks.tune.material import material_for
from glassworks.tune.network import with_tokenizer
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import named, with_rate, work_of

SMALL = GPTConfig("gpt2", vocab_size=2048, n_ctx=256, n_layer=4, n_head=4, n_embd=128)
LARGE = GPTConfig("gpt2", vocab_size=8192, n_ctx=256, n_layer=12, n_head=12, n_embd=768)
HALF, BATCH, EXAMPLES = 64, 8, 256
Times = Callable[[int], list[float]]
"""A number of steps to the seconds of each."""


def prepare(folder: Path, shape: GPTConfig) -> Path:
    """A model of random weights, and examples of 128 tokens."""
    folder.mkdir(exist_ok=True)
    model, generator = GPT(shape), torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.data.add_(torch.empty(p.shape).normal_(0, 0.02, generator=generator))
    with_tokenizer(folder / "model", model, byte_tokenizer(), Template(PLAIN, "", "<|endoftext|>"))
    letters = torch.randint(97, 123, (3, EXAMPLES, HALF), generator=generator)

    def text(which: int, i: int, size: int) -> str:
        return "".join(map(chr, letters[which, i, :size].tolist()))

    sft, dpo = [], []
    for i in range(EXAMPLES):
        prompt, chosen, rejected = text(0, i, HALF), text(1, i, HALF - 1), text(2, i, HALF - 1)
        sft.append({"prompt": prompt, "completion": chosen})
        dpo.append({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    for name, rows in (("sft", sft), ("dpo", dpo)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


# ----------------------------------------------------------------------------------------------------------------------
# Ours


def ours(folder: Path, method: str, **more: Any) -> Times:
    """Steps of ours."""
    data = str(folder / f"{method}.jsonl")
    recipe = TuneRecipe(
        start_from=str(folder / "model"), data=data, method=method, batch_size=BATCH, device="cpu",
        precision="float32", held_out=0.05, **more,
    )  # fmt: skip
    material = material_for(named(with_rate(recipe, 128)), folder, Ranks())
    work = work_of(material)
    model, optimizer = work.build(pick_device("cpu"), torch.float32)
    done = [0]

    def steps(count: int) -> list[float]:
        marks = [time.perf_counter()]

        def mark(step: int, _: object) -> dict[str, float]:
            marks.append(time.perf_counter())
            return {}

        fit(
            model, work.batches, work.loss_fn, optimizer, steps=done[0] + count, start=done[0], every=[(1, mark)],
            log_every=1000,
        )  # fmt: skip
        done[0] += count
        return [b - a for a, b in pairwise(marks)]

    return steps


# ----------------------------------------------------------------------------------------------------------------------
# Theirs


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what a trainer prints."""
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        out, err = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = sink
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err


def theirs(folder: Path, method: str, *, lora: bool = False, **more: Any) -> Times:
    """Steps of TRL's trainer."""
    import datasets
    import transformers
    import trl

    datasets.disable_progress_bars()
    rows = [json.loads(line) for line in (folder / f"{method}.jsonl").read_text(encoding="utf-8").splitlines()]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
    tokenizer.pad_token = tokenizer.eos_token
    trainer_of, config_of = {"sft": (trl.SFTTrainer, trl.SFTConfig), "dpo": (trl.DPOTrainer, trl.DPOConfig)}[method]

    class Marks(transformers.TrainerCallback):  # type: ignore[misc]
        times: list[float]

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not self.times:
                self.times.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.times.append(time.perf_counter())

    def steps(count: int) -> list[float]:
        with quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
            peft_config = None
            if lora:
                import peft

                peft_config = peft.LoraConfig(
                    r=8, lora_alpha=16, target_modules=["c_attn", "c_fc", "c_proj"], fan_in_fan_out=True,
                    task_type="CAUSAL_LM",
                )  # fmt: skip
            config = config_of(
                output_dir=str(folder / "trl"), per_device_train_batch_size=BATCH, max_steps=count, max_length=128,
                use_cpu=True, bf16=False, gradient_checkpointing=False, report_to="none", save_strategy="no",
                logging_strategy="no", disable_tqdm=True, learning_rate=1e-4, lr_scheduler_type="constant", **more,
            )  # fmt: skip
            marks = Marks()
            marks.times = []
            trainer = trainer_of(
                model=model, args=config, train_dataset=datasets.Dataset.from_list(rows), processing_class=tokenizer,
                callbacks=[marks], peft_config=peft_config,
            )  # fmt: skip
            trainer.train()
        return [b - a for a, b in pairwise(marks.times)]

    return steps


# ----------------------------------------------------------------------------------------------------------------------


def beside(name: str, mine: Times, others: Times, rounds: int, steps: int) -> None:
    """Run both in turn and print a line."""
    mine(3)
    others(3)
    a, b, ratios = [], [], []
    for _ in range(rounds):
        x, y = mine(steps), others(steps)[2:]
        a += x
        b += y
        ratios.append(statistics.median(y) / statistics.median(x))
    ours_ms, theirs_ms = (1000 * statistics.median(times) for times in (a, b))
    print(f"{name:<34} {ours_ms:8.1f} {theirs_ms:8.1f} {statistics.median(ratios):6.2f}x", flush=True)


def peak() -> float:
    """Megabytes that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of(side: str, folder: Path) -> float:
    """Megabytes that steps of LoRA take beyond the model, in this process."""
    torch.set_num_threads(1)
    tokens = torch.randint(0, 256, (BATCH, 129), generator=torch.Generator().manual_seed(0))
    if side == "ours":
        from glassworks.models.adapters.lora import adapt
        from glassworks.models.io import load_model
        from glassworks.tune.likelihood import learned_loss

        model: Any = adapt(load_model(folder / "model"), AdapterConfig("lora", r=8))

        def step() -> Any:
            return learned_loss(model, (tokens[:, :-1], tokens[:, 1:]))

    else:
        import peft
        import transformers

        base = transformers.AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
        config = peft.LoraConfig(
            r=8, lora_alpha=16, target_modules=["c_attn", "c_fc", "c_proj"], fan_in_fan_out=True, task_type="CAUSAL_LM"
        )
        model = peft.get_peft_model(base, config)

        def step() -> Any:
            return model(tokens[:, :-1], labels=tokens[:, :-1]).loss

    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
    held = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096 / 2**20
    for _ in range(3):
        optimizer.zero_grad()
        step().backward()
        optimizer.step()
    return peak() - held


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["sft", "dpo", "grpo", "memory"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", help="of the memory of one side, in a process of its own")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.side:
        print(memory_of(args.side, args.folder))
        return
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = prepare(Path(place), SMALL)
        if {"sft", "dpo"} & set(args.what):
            print(f"{'a step, in ms':<34} {'ours':>8} {'TRL':>8} {'ratio':>7}")
        both = args.rounds, args.steps
        if "sft" in args.what:
            beside("SFT, completions", ours(folder, "sft"), theirs(folder, "sft"), *both)
            everything = theirs(folder, "sft", completion_only_loss=False)
            beside("SFT, all tokens", ours(folder, "sft", learned="all"), everything, *both)
            adapted = ours(folder, "sft", adapter=AdapterConfig("lora", r=8))
            beside("SFT, LoRA of rank 8", adapted, theirs(folder, "sft", lora=True), *both)
        if "dpo" in args.what:
            beside("DPO", ours(folder, "dpo"), theirs(folder, "dpo"), *both)
            once = theirs(folder, "dpo", precompute_ref_log_probs=True)
            beside("DPO, TRL's reference once, too", ours(folder, "dpo"), once, *both)
        if "grpo" in args.what:
            compare(args.rounds)
        if "memory" in args.what:
            large = prepare(Path(place) / "large", LARGE)
            found = [least(side, large) for side in ("ours", "theirs")]
            shape = f"{LARGE.n_layer} x {LARGE.n_embd}"
            print(f"LoRA steps of {shape}, MB beyond the model: ours {found[0]:.0f}, PEFT {found[1]:.0f}")


def least(side: str, folder: Path) -> float:
    """The memory of one side, the smaller of two processes."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    return min(float(subprocess.check_output(command).split()[-1]) for _ in range(2))


if __name__ == "__main__":
    main()
