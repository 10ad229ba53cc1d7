"""CPU seconds of `micro.bpe` beside minbpe's, on the same text in the same run; merges and ids must be the same.

    python benchmarks/micro_bpe.py --minbpe CLONE --data tinyshakespeare.txt [--bytes N] [--vocab-size 512]
    python benchmarks/micro_bpe.py --minbpe CLONE --data tinyshakespeare.txt --quick

Both sides run in turn, each time with a new tokenizer, so with nothing remembered; the ratio is the median of the
ratios of neighbours. On 1.1 MB minbpe trains for minutes: --bytes takes the beginning of the file, --quick is 100 kB
and three repeats. minbpe (github.com/karpathy/minbpe) needs the package `regex`. "lines" encodes line by line.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glassworks.micro import bpe

NAMES = ("BasicTokenizer", "RegexTokenizer")


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU time of one call, and what it returned."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def run(tokenizer: Any, text: str, vocab_size: int) -> tuple[dict[str, float], Any]:
    """Time everything once; return the times and what must be equal on both sides."""
    lines = text.splitlines(keepends=True)
    training, _ = seconds(lambda: tokenizer.train(text, vocab_size))
    encoding, ids = seconds(lambda: tokenizer.encode(text))
    by_line, parts = seconds(lambda: [tokenizer.encode(line) for line in lines])
    decoding, back = seconds(lambda: tokenizer.decode(ids))
    assert back == text
    times = {"train": training, "encode": encoding, "encode lines": by_line, "decode": decoding}
    return times, (list(tokenizer.merges.items()), ids, parts)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minbpe", type=Path, required=True, help="a clone of karpathy/minbpe")
    parser.add_argument("--data", type=Path, required=True, help="a text in UTF-8")
    parser.add_argument("--bytes", type=int, help="only the beginning of the text")
    parser.add_argument("--vocab-size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="--bytes 100000 --repeats 3")
    args = parser.parse_args()
    if args.quick:
        args.bytes, args.repeats = 100_000, 3
    sys.path.insert(0, str(args.minbpe))
    minbpe = importlib.import_module("minbpe")
    text = args.data.read_bytes()[: args.bytes].decode(errors="ignore")
    print(f"{len(text.encode()):,} bytes, vocabulary {args.vocab_size}, {args.repeats} repeats, CPU seconds\n")
    print("| tokenizer | | minbpe | ours | ratio |\n|---|---|---|---|---|")
    for name in NAMES:
        pairs = []
        for _ in range(args.repeats):
            ours, mine = run(getattr(bpe, name)(), text, args.vocab_size)
            theirs, yours = run(getattr(minbpe, name)(), text, args.vocab_size)
            assert mine == yours, f"{name}: merges or ids differ"
            pairs.append((theirs, ours))
        for what in pairs[0][0]:
            peer, own = (statistics.median(pair[side][what] for pair in pairs) for side in (0, 1))
            ratio = statistics.median(theirs[what] / ours[what] for theirs, ours in pairs)
            print(f"| {name} | {what} | {peer:.3f} | {own:.3f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
