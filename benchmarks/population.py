"""CPU seconds that a population of networks takes, on one thread, beside torch's vmap and JAX, in one run.

    python benchmarks/population.py [--jax PYTHON] [--rounds 3] [--slow] [--only mlp cnn]

256 candidates in mirrored pairs, a batch of 256 images of 28 x 28: the losses of all, which is what a generation of
evolution strategies costs but for its own arithmetic. `mlp` is 784-38-10 (30,220 weights); `cnn` is 5x5-16, pool,
5x5-32, pool, layer norm, linear (19,402 weights), as EvoTorch's MNIST30K but without padding; `cnn bfloat16` is that
with weights and images in bfloat16, which is a gain only on machines with units for it (AMX).

Rows: `loop` writes each candidate and calls the closure; `vmap` is torch.func.vmap over functional_call; `ours` is
`losses_of` in the way that it chose (said in brackets), its losses compared with the loop's. PYTHON is one that has
jax: `vmap` and `lax.map` there are of the same arithmetic, jitted, on one thread; --slow times JAX's vmap of the CNN,
too, which takes a minute. Figures are the least of the rounds; ways take turns.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

P, B = 256, 256


def least(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU seconds of each, the least of some rounds in turns after one to warm up."""
    found = {name: float("inf") for name in work}
    for round_ in range(rounds + 1):
        for name, do in work.items():
            start = time.process_time()
            do()
            if round_:
                found[name] = min(found[name], time.process_time() - start)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# torch, in this process


def of_torch(kind: str, rounds: int) -> dict[str, float]:
    """The loop, torch's vmap, and ours."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from glassworks.core.machine.memory import keep_freed_memory
    from glassworks.optim.gradient_free import vector
    from glassworks.optim.gradient_free.evaluate import losses_of

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # one core: no processes beside this one
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    if kind == "mlp":
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 38), nn.ReLU(), nn.Linear(38, 10))
    else:
        convolutions = [nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU()]
        model = nn.Sequential(*convolutions, nn.MaxPool2d(2), nn.Flatten(), nn.LayerNorm(512), nn.Linear(512, 10))
    x, y = torch.randn(B, 1, 28, 28), torch.randint(10, (B,))
    if kind.endswith("bfloat16"):
        model, x = model.bfloat16(), x.bfloat16()
    names, weights = zip(*model.named_parameters(), strict=True)
    mean = vector.read(weights)
    noise = 0.05 * torch.randn(P // 2, len(mean))
    candidates = torch.cat([mean + noise, mean - noise])

    def closure() -> torch.Tensor:
        return F.cross_entropy(model(x).float(), y)

    def loop() -> torch.Tensor:
        losses = []
        for candidate in candidates:
            vector.write(candidate, weights)
            losses.append(closure())
        vector.write(mean, weights)
        return torch.stack(losses)

    def vmap(chunk: int) -> torch.Tensor:
        def of(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
            return F.cross_entropy(torch.func.functional_call(model, parameters, (x,)).float(), y)

        parts = [part.to(weights[0].dtype) for part in vector.views(candidates, weights)]
        return torch.func.vmap(of, chunk_size=chunk)(dict(zip(names, parts, strict=True)))

    ways: dict[str, Any] = {}
    apart = float((losses_of(closure, weights, candidates, ways=ways) - loop()).abs().max())
    ((name, chunk, _, _),) = ways.values()
    print(f"{kind}: {len(mean):,} weights, losses at most {apart:.1e} from the loop's", flush=True)
    ours = f"ours ({name}{f' of {chunk}' if name == 'vmap' else ''})"
    work = {"loop": loop, ours: lambda: losses_of(closure, weights, candidates, ways=ways)}
    if not kind.endswith("bfloat16"):
        work["vmap"] = lambda: vmap(256 if kind == "mlp" else 16)
    return least(work, rounds)


# ----------------------------------------------------------------------------------------------------------------------
# JAX, in a process of its own


def of_jax(kind: str, rounds: int, *, slow: bool) -> dict[str, float]:
    """Jitted: of vmap, and of a map over candidates."""
    import jax
    import jax.numpy as jnp

    keys = iter(jax.random.split(jax.random.key(0), 16))
    y = jax.random.randint(next(keys), (B,), 0, 10)

    def normal(*shape: int) -> Any:
        return 0.05 * jax.random.normal(next(keys), (P, *shape))

    def cross_entropy(logits: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    def mlp(w: list[Any], x: Any) -> Any:
        return jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3]

    def cnn(w: list[Any], x: Any) -> Any:
        for i in (0, 2):
            x = jax.lax.conv_general_dilated(x, w[i], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x + w[i + 1])
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(len(x), -1)
        x = (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + 1e-5) * w[4] + w[5]
        return x @ w[6] + w[7]

    if kind == "mlp":
        x = jax.random.normal(next(keys), (B, 784))
        weights = [normal(784, 38), normal(38), normal(38, 10), normal(10)]
    else:
        x = jax.random.normal(next(keys), (B, 28, 28, 1))
        first, second = [normal(5, 5, 1, 16), normal(16)], [normal(5, 5, 16, 32), normal(32)]
        weights = [*first, *second, normal(512), normal(512), normal(512, 10), normal(10)]
    net = mlp if kind == "mlp" else cnn
    vmap = jax.jit(jax.vmap(lambda w: cross_entropy(net(w, x))))
    one_by_one = jax.jit(lambda w: jax.lax.map(lambda one: cross_entropy(net(one, x)), w))
    work = {"JAX lax.map": lambda: jax.block_until_ready(one_by_one(weights))}
    if kind == "mlp" or slow:
        work["JAX vmap"] = lambda: jax.block_until_ready(vmap(weights))
    return least(work, rounds)


def asked_of(python: str, kind: str, rounds: int, *, slow: bool) -> dict[str, float]:
    """What JAX takes, by a Python that has it."""
    alone = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    program = [python, __file__, "--within-jax", kind, "--rounds", str(rounds), *(["--slow"] if slow else [])]
    said = subprocess.run(program, env=os.environ | alone, stdout=subprocess.PIPE, check=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def main() -> None:
    """Time all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jax", help="a Python that has jax")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", action="store_true", help="JAX's vmap of the CNN, too")
    parser.add_argument("--only", nargs="+", default=["mlp", "cnn", "cnn bfloat16"])
    parser.add_argument("--within-jax", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.within_jax:
        json.dump(of_jax(a.within_jax, a.rounds, slow=a.slow), sys.stdout)
        return
    for kind in a.only:
        found = of_torch(kind, a.rounds)
        if a.jax and not kind.endswith("bfloat16"):
            found |= asked_of(a.jax, kind, a.rounds, slow=a.slow)
        ours = next(seconds for name, seconds in found.items() if name.startswith("ours"))
        for name, seconds in sorted(found.items(), key=lambda item: item[1]):
            print(f"  {name:26} {seconds:7.3f} CPU s  {seconds / ours:5.2f} x ours", flush=True)


if __name__ == "__main__":
    main()
