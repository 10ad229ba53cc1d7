"""A step of GRPO beside TRL's: completions of the model as it stands, their reward, and one step on them.

    python benchmarks/tuning_policy.py --threads 1

Of one GPT-2 of a million weights, 8 completions of 64 tokens behind a prompt of 64; no distance, as TRL's default has
it, though ours asks the model before for what it logs. Rounds alternate, and what is shown is the median of their
steps, in wall time and in time of the processor, which others on the machine do not lengthen as much.
"""

import argparse
import itertools
import statistics
import tempfile
import time
import warnings
from typing import Any

import torch
from tokenizers import Tokenizer as Inner
from tokenizers import models, pre_tokenizers
from torch import nn

from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.train.fit import fit
from glassworks.tune.policy.algorithms import ALGORITHMS, loss_of
from glassworks.tune.policy.draw import Prompt
from glassworks.tune.policy.rollouts import Rollouts

SHAPE = GPTConfig("gpt2", vocab_size=2048, n_ctx=128, n_layer=4, n_head=4, n_embd=128)
PROMPT = COMPLETION = 64
GROUP, STEPS = 8, 6
END = "<|endoftext|>"


def worth(prompts: Any = None, completions: Any = (), **_: Any) -> list[float]:
    """A reward that differs within a group."""
    return [float(text.count("1")) for text in completions]


def words() -> Inner:
    """A tokenizer with a word a token."""
    made = Inner(models.WordLevel({f"w{i}" if i else END: i for i in range(SHAPE.vocab_size)}, unk_token=END))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens([END])
    return made


Times = list[tuple[float, float]]


def now() -> tuple[float, float]:
    """Wall and processor time."""
    return time.perf_counter(), time.process_time()


def ours(model: GPT, tokenizer: Tokenizer, ids: list[int]) -> Any:
    """A function that takes some steps, and says when each ended."""
    policy = GPT(SHAPE)
    policy.load_state_dict(model.state_dict())
    algorithm, optimizer = ALGORITHMS["grpo"], torch.optim.AdamW(policy.parameters(), lr=1e-6, fused=True)
    rollouts = Rollouts(
        [Prompt("a prompt", tuple(ids))],
        worth,
        algorithm,
        tokenizer,
        model,
        batch_size=GROUP,
        group=GROUP,
        epochs=1,
        max_tokens=COMPLETION,
        temperature=1.0,
        beta=0.0,
        seed=0,
    )
    rollouts.model = policy
    loss = loss_of(algorithm, beta=0.0, longest=COMPLETION, temperature=1.0)
    done = 0

    def steps(count: int) -> Times:
        nonlocal done
        found: Times = [now()]

        def mark(step: int, _: nn.Module) -> dict[str, float]:
            found.append(now())
            return {}

        fit(policy, rollouts, loss, optimizer, start=done, steps=done + count, every=[(1, mark)], clip=1.0)
        done += count
        return found

    return steps


def theirs(folder: str, tokenizer: Inner, prompt: str) -> Any:
    """The same of TRL's trainer."""
    import datasets
    import transformers
    import trl

    found: Times = []

    class Mark(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *args: Any, **how: Any) -> None:
            if not found:
                found.append(now())

        def on_step_end(self, *args: Any, **how: Any) -> None:
            found.append(now())

    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=END, eos_token=END)

    def steps(count: int) -> Times:
        found.clear()
        args = trl.GRPOConfig(
            output_dir=folder + "/out",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            max_completion_length=COMPLETION,
            num_generations=GROUP,
            per_device_train_batch_size=GROUP,
            max_steps=count,
            save_strategy="no",
            disable_tqdm=True,
            generation_kwargs={"min_new_tokens": COMPLETION},
        )
        trainer = trl.GRPOTrainer(
            model=transformers.AutoModelForCausalLM.from_pretrained(folder),
            reward_funcs=worth,
            args=args,
            train_dataset=datasets.Dataset.from_list([{"prompt": prompt}] * GROUP * count),
            processing_class=fast,
            callbacks=[Mark()],
        )
        trainer.train()
        return list(found)

    return steps


def compare(rounds: int) -> None:
    """Both, in turns, and a line for each."""
    warnings.simplefilter("ignore")
    inner, model = words(), GPT(SHAPE)
    ids = [1 + i for i in range(PROMPT)]
    with tempfile.TemporaryDirectory() as folder:
        inner.save(folder + "/tokenizer.json")
        save_model(model, folder + "/model", folder + "/tokenizer.json")
        own = ours(model, Tokenizer(inner), ids)
        other = theirs(folder + "/model", inner, " ".join(f"w{i}" for i in ids))
        took: dict[str, Times] = {"TRL": [], "ours": []}
        for _ in range(rounds):
            for name, steps in (("TRL", other), ("ours", own)):
                marks = steps(STEPS)
                between = itertools.pairwise(marks[1:])  # the first step makes what others find made
                took[name] += [(b[0] - a[0], b[1] - a[1]) for a, b in between]
    medians = {name: [statistics.median(x[i] for x in times) for i in (0, 1)] for name, times in took.items()}
    weights = sum(p.numel() for p in model.parameters())
    print(f"GRPO: {weights:,} weights, {torch.get_num_threads()} threads, {len(took['ours'])} steps")
    for name, (wall, cpu) in medians.items():
        print(f"{name:<6} {1e3 * wall:7.1f} ms a step, {1e3 * cpu:7.1f} ms of the processor")
    for i, what in enumerate(("wall", "processor")):
        print(f"ours is {medians['TRL'][i] / medians['ours'][i]:.2f} times as fast ({what})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    compare(arguments.rounds)
