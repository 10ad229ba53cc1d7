"""Wrong labels among digits: what our confident learning finds beside Cleanlab's, on the same probabilities.

    python -m pip install -r benchmarks/requirements-vision.txt
    python benchmarks/data_card.py [--seeds 5]

Of scikit-learn's digits 5 % of the labels are flipped, to any other class or each to the next one. Probabilities come
from our cross-validation, which sees the flipped labels. Precision: how many of the suspects were flipped; recall: how
many of the flipped are suspects; each the mean over seeds, with its standard deviation. A random ranking of as many
suspects has a precision of 5 %. Cleanlab's default is to prune by noise rate, its figures without a rule of its own.
"""

import argparse
from typing import Any

import numpy as np

from glassworks.evaluate.card.confident import suspects
from glassworks.evaluate.card.suspects import probabilities

SHARE = 0.05
RULES = {"class": "prune_by_class", "noise_rate": "prune_by_noise_rate", "joint": "confident_learning"}


def flipped_labels(labels: Any, seed: int, how: str) -> tuple[Any, Any]:
    """Labels of which some are flipped, and which."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(labels))[: round(SHARE * len(labels))]
    wrong = labels.copy()
    wrong[some] = (labels[some] + (rng.integers(1, 10, len(some)) if how == "any" else 1)) % 10
    return wrong, np.isin(np.arange(len(labels)), some)


def scores(found: Any, flipped: Any) -> tuple[float, float, float]:
    """Precision, recall, and the share of all that is suspected: what a random ranking would recall."""
    both = (found & flipped).sum()
    return both / max(1, found.sum()), both / flipped.sum(), found.mean()


def main() -> None:
    """Flip, look, compare, print."""
    from cleanlab.filter import find_label_issues
    from sklearn.datasets import load_digits

    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    digits = load_digits()
    values, labels = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    print(f"{'flipped to':12}{'rule':12}{'':12}{'precision':>16}{'recall':>16}{'random recall':>16}")
    for how in ("any", "next"):
        rows: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        same = dict.fromkeys(RULES, True)
        for seed in range(seeds):
            wrong, flipped = flipped_labels(labels, seed, how)
            said = probabilities(values.__getitem__, wrong, 10, seed, pixels=True)
            for rule, theirs in RULES.items():
                ours = suspects(wrong, said, rule)  # type: ignore[arg-type]
                cleanlab = find_label_issues(wrong, said, filter_by=theirs, n_jobs=1)
                same[rule] &= bool((ours == cleanlab).all())
                rows.setdefault((rule, "ours"), []).append(scores(ours, flipped))
                rows.setdefault((rule, "cleanlab"), []).append(scores(cleanlab, flipped))
        for (rule, whose), found in rows.items():
            mean, deviation = np.mean(found, 0), np.std(found, 0)
            cells = (f"{100 * mean[i]:.1f} ± {100 * deviation[i]:.1f} %" for i in (0, 1))
            print(f"{how:12}{rule:12}{whose:12}{''.join(f'{cell:>16}' for cell in cells)}{100 * mean[2]:>14.1f} %"
                  f"{'  the same examples' * (same[rule] and whose == 'ours')}")  # fmt: skip


if __name__ == "__main__":
    main()
