"""Attributions of networks of images beside captum, with the same weights, in one run.

    pip install -r benchmarks/requirements-vision.txt
    python benchmarks/vision.py --part attribution [--rounds 13] [--threads 1] [--only occlusion] [--double] [--memory]

Networks are drawn anew, as torch lays them out: Tiny VGG (19,920 parameters) at 64 × 64 and a small VGG (3.53M) at
96 × 96. Both sides run in turn, again and again; the ratio is the median of the ratios of neighbours, so that other
work on the machine cancels out, and a time is the median of its own. Times are CPU seconds of the process, all threads
together. "apart" is the largest difference of the results over the largest result, or,
of occlusion, over the largest score; --double computes in double precision, where kernels of other layouts flip no ReLU
whose input is 0 but for rounding. With --memory also what each side's call adds to a process's memory at its peak, in
MiB, measured in processes of their own.

occlusion   225 windows: 8 pixels with stride 4, 12 with stride 6. captum's default evaluates one at a time; "best" as
            many as it is fastest with.
integrated  integrated gradients in 50 steps from black.
guided      guided Grad-CAM at the last convolution.
deconvnet   the deconvnet's rule from a class score down to the pixels.
"""

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from captum.attr import Deconvolution, GuidedGradCam, IntegratedGradients, Occlusion
from torch import Tensor, nn

from glassworks.interpret.images.attribution.cams import guided_grad_cam_map
from glassworks.interpret.images.attribution.gradients import gradient_map
from glassworks.interpret.images.attribution.integrated import integrated_gradients_map
from glassworks.interpret.images.occlusion.windows import occlusion_maps
from glassworks.interpret.images.scores import MAX_BYTES

warnings.filterwarnings("ignore")  # captum's, on its hooks
TARGET = 3
Task = tuple[str, Callable[[], Tensor], Callable[[], Tensor], float]
"""Name, captum's side, ours, and what differences are measured by; 0 = the largest result."""


def tiny_vgg() -> tuple[nn.Module, int, int, int]:
    """The network, the side of its images, and the side and stride of windows."""
    layers, read = list[nn.Module](), 3
    for _ in range(2):
        layers += [nn.Conv2d(read, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2)]
        read = 10
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1690, 10)), 64, 8, 4


def small_vgg() -> tuple[nn.Module, int, int, int]:
    """The same of four blocks, twice as wide each, and a hidden layer."""
    layers, read = list[nn.Module](), 3
    for width in (32, 64, 128, 256):
        for inputs in (read, width):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        read = width
    head = (nn.Flatten(), nn.Linear(256 * 36, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(*layers, *head), 96, 12, 6


NETWORKS = {"Tiny VGG 64": tiny_vgg, "small VGG 96": small_vgg}


def attribution_tasks(name: str, double: bool) -> Iterator[Task]:
    """What is compared on one network."""
    torch.manual_seed(0)
    model, side, window, stride = NETWORKS[name]()
    x = torch.rand(1, 3, side, side)
    model, x = (model.double(), x.double()) if double else (model, x)
    model.eval()
    last = [module for module in model.children() if isinstance(module, nn.Conv2d)][-1]
    point = next(of for of, module in model.named_modules() if module is last)
    with torch.no_grad():
        score = float(model(x).abs().max())
    target = torch.tensor([TARGET])

    def theirs(many: int) -> Callable[[], Tensor]:
        windows, strides = (3, window, window), (3, stride, stride)
        return lambda: Occlusion(model).attribute(
            x, windows, strides=strides, target=TARGET, perturbations_per_eval=many
        )[:, 0]

    ours = lambda: occlusion_maps(model, x, target, window=window, stride=stride, fill=0.0)  # noqa: E731
    yield "occlusion, default", theirs(1), ours, score
    yield "occlusion, best", theirs(45 if side == 64 else 15), ours, score
    yield (
        "integrated gradients",
        lambda: IntegratedGradients(model).attribute(x, torch.zeros_like(x), target=TARGET, n_steps=50),
        lambda: integrated_gradients_map(model, x, TARGET, steps=50)[0],
        0.0,
    )
    yield (
        "guided Grad-CAM",
        lambda: GuidedGradCam(model, last).attribute(x, target=TARGET, interpolate_mode="bilinear").detach(),
        lambda: guided_grad_cam_map(model, x, TARGET, point=point)[0],
        0.0,
    )
    yield (
        "deconvnet",
        lambda: Deconvolution(model).attribute(x, target=TARGET),
        lambda: gradient_map(model, x, TARGET, "deconvnet", MAX_BYTES),
        0.0,
    )


# ----------------------------------------------------------------------------------------------------------------------


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU milliseconds of one call, and its result."""
    start = time.process_time()
    result = function()
    return 1000 * (time.process_time() - start), result


def row(network: str, task: Task, rounds: int, double: bool, memory: bool) -> list[str]:
    """Measure in turn."""
    name, theirs, ours, by = task
    times = []
    for turn in range(rounds + 1):
        (their_time, reference), (our_time, result) = timed(theirs), timed(ours)
        times += [(their_time, our_time)] if turn else []  # the first call of each warms up
    medians = [f"{statistics.median(column):.1f}" for column in zip(*times, strict=True)]
    ratio = statistics.median(their_time / our_time for their_time, our_time in times)
    apart = float((result - reference).abs().max()) / (by or float(reference.abs().max()))
    rooms = [f"{room(network, name, side, double):.0f}" for side in ("theirs", "ours")] if memory else []
    return [network, name, *medians, f"{ratio:.2f}", f"{apart:.0e}", *rooms]


def room(network: str, name: str, side: str, double: bool) -> float:
    """MiB that one side's call adds to a process at its peak."""
    command = [sys.executable, __file__, network, name, side, *["double"] * double]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_room(network: str, name: str, side: str, double: str = "") -> None:
    """The same in this process."""
    torch.set_num_threads(1)
    _, theirs, ours, _ = next(task for task in attribution_tasks(network, bool(double)) if task[0] == name)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = memory_now()["VmRSS"]
    (theirs if side == "theirs" else ours)()
    print((memory_now()["VmHWM"] - before) / 1024)


def memory_now() -> dict[str, int]:
    """KiB that the process holds (VmRSS), and held at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name: int(said.split()[0]) for name, _, said in pairs if name in ("VmRSS", "VmHWM")}


def attribution_speed(*, threads: int, rounds: int, only: str, double: bool, memory: bool) -> None:
    """Print the table of the tasks whose network or name has `only` in it."""
    torch.set_num_threads(threads)
    within = f"activations of ours within {MAX_BYTES / 2**20:.0f} MiB"
    print(f"torch {torch.__version__}, captum {version('captum')}, {threads} threads, {within}\n")
    heads = ["network", "task", "captum ms", "ours ms", "ratio", "apart", *["captum MiB", "ours MiB"] * memory]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for network in NETWORKS:
        for task in attribution_tasks(network, double):
            if only in f"{network}, {task[0]}":
                print(f"| {' | '.join(row(network, task, rounds, double, memory))} |", flush=True)


if __name__ == "__main__":
    print_room(*sys.argv[1:])
