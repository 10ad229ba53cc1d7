"""Peak memory of whole runs on corpora of different size: it must not grow with the corpus.

    python benchmarks/memory.py [--megabytes 20 200] [--steps 50]

Each run is `glassworks train` in a process of its own, on documents of pseudo-random words; the figure is the peak
resident set that the run states in run.json (training) and that of the whole process (with evaluation and report).
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def write_corpus(path: Path, megabytes: int) -> None:
    """One document a line, in JSON, 10 kB each."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(20_000)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(megabytes * 100):
            file.write(json.dumps({"text": " ".join(draw.choices(words, k=1540))[:10_000]}) + "\n")


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()
    print(f"{'corpus MB':>10} {'training MB':>12} {'whole command MB':>17}")
    for megabytes in args.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder) / "corpus.jsonl", megabytes)
            command = [sys.executable, "-m", "glassworks", "train", "--data", "corpus.jsonl", "--tokenizer", "bytes"]
            flags = ["--steps", str(args.steps), "--name", "run", "--held-out", "0.005"]
            subprocess.run([*command, *flags], cwd=folder, check=True, capture_output=True)
            record = json.loads((Path(folder) / "runs/run/run.json").read_text(encoding="utf-8"))
        trained = record["result"]["peak_memory_bytes"] / 2**20
        whole = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10  # the largest child so far
        print(f"{megabytes:>10} {trained:>12.0f} {whole:>17.0f}", flush=True)


if __name__ == "__main__":
    main()
