"""Networks of images, measured on this machine in this run.

    python benchmarks/vision.py --part training [--threads 2] [--rounds 13] [--cases lenet ...] [--compile]
    python benchmarks/vision.py --part digits --data t10k-images-idx3-ubyte.gz [--seeds 0 1 2]
    python benchmarks/vision.py --part attribution [--threads 1] [--only occlusion] [--double] [--memory]

training   steps of two LeNets and ResNet-20 beside a plain loop of PyTorch's (vision_training.py); --compile has
           compiled ones among them, which take a minute to make; then what folding batch norms gives an evaluation
digits     how good recipes/mnist.toml gets on the images that it does not train on, and how long that takes
attribution  occlusion, integrated gradients, guided Grad-CAM and deconvnets beside captum's (vision_attribution.py)
"""

import argparse
from pathlib import Path

from vision_training import CASES, digits_accuracy, evaluating_speed, same_outputs, training_speed


def main() -> None:
    """The part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["training", "digits", "attribution"], required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=13)
    parser.add_argument("--cases", nargs="+", choices=[case[0] for case in CASES.values()])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="of attributions: a part of a network's or task's name")
    parser.add_argument("--double", action="store_true", help="of attributions: in double precision")
    parser.add_argument("--memory", action="store_true", help="of attributions: what memory they take, too")
    args = parser.parse_args()
    if args.part == "attribution":
        from vision_attribution import attribution_speed  # which needs captum

        how = {"only": args.only, "double": args.double, "memory": args.memory}
        attribution_speed(threads=args.threads, rounds=args.rounds, **how)
        return
    if args.part == "digits":
        if args.data is None:
            parser.error("--part digits needs --data: a file of MNIST's images, its labels beside it")
        digits_accuracy(args.data, args.seeds)
        return
    cases = [name for name, case in CASES.items() if args.cases is None or case[0] in args.cases]
    same_outputs(cases)
    training_speed(threads=args.threads, rounds=args.rounds, cases=cases, compile=args.compile)
    evaluating_speed(threads=args.threads, rounds=args.rounds)


if __name__ == "__main__":
    main()
