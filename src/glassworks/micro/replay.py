"""The machine that replays a traced program: two loops over flat arrays, compiled by numba.

A program is a tape of operations. Operation k reads the numbers at `left[k]` and `right[k]` of `data` and writes the
number after the last leaf, plus k; functions of one number have `right[k]` = `left[k]`. Every formula is the engine's
own, in the engine's order and without fused operations, so that results are the engine's to the last bit.

This is the only module of the room that imports numpy and numba, and `compile` imports it when first used.
"""

import math

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

Codes = NDArray[np.uint8]
Places = NDArray[np.uint32]  # unsigned, so that no index is checked for being negative: backward takes 0.4 of the time
Floats = NDArray[np.float64]

OPS = ["+", "-", "*", "/", "**n", "**", "neg", "relu", "abs"]
OPS += ["exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "max", "min"]
(ADD, SUB, MUL, DIV, POW_N, POW, NEG, RELU, ABS, EXP, LOG, SQRT, SIN, COS, TANH, SIGMOID, MAX, MIN) = range(len(OPS))


@compiled
def forward(ops: Codes, left: Places, right: Places, data: Floats) -> int:  # noqa: C901
    """Fill `data` after the leaves. Returns -1, or the first operation that the engine refuses for its operands."""
    first = data.size - ops.size
    for k in range(ops.size):
        op, a, b = ops[k], data[left[k]], data[right[k]]
        wrong = False
        if op == MUL:
            y = a * b
        elif op == ADD:
            y = a + b
        elif op == RELU:
            y = 0.0 if a < 0 else a
        elif op == SUB:
            y = a - b
        elif op == NEG:
            y = -a
        elif op == DIV:
            y, wrong = a / b, b == 0
        elif op in (POW_N, POW):
            y = math.pow(a, b)
            wrong = (op == POW and a <= 0) or (math.isfinite(a) and math.isfinite(b) and not math.isfinite(y))
        elif op == TANH:
            y = math.tanh(a)
        elif op == SIGMOID:
            y = math.exp(min(a, 0.0)) / (1 + math.exp(-abs(a)))
        elif op == EXP:
            y = math.exp(a)
            wrong = math.isinf(y) and not math.isinf(a)
        elif op == LOG:
            y, wrong = math.log(a), a <= 0
        elif op == SQRT:
            y, wrong = math.sqrt(a), a < 0
        elif op == SIN:
            y, wrong = math.sin(a), math.isinf(a)
        elif op == COS:
            y, wrong = math.cos(a), math.isinf(a)
        elif op == ABS:
            y = abs(a)
        elif op == MAX:
            y = a if a >= b or a != a else b
        else:
            y = a if a <= b or a != a else b
        if wrong:
            return k
        data[first + k] = y
    return -1


@compiled
def backward(ops: Codes, left: Places, right: Places, data: Floats, grad: Floats) -> None:  # noqa: C901
    """Send the gradients of results back to all they were made from; `grad` begins with those of the outputs."""
    first = data.size - ops.size
    for k in range(ops.size - 1, -1, -1):
        op, i, j, y, g = ops[k], left[k], right[k], data[first + k], grad[first + k]
        a, b = data[i], data[j]
        if op == MUL:
            grad[i] += b * g
            grad[j] += a * g
        elif op == ADD:
            grad[i] += g
            grad[j] += g
        elif op == RELU:
            grad[i] += (1.0 if a > 0 else 0.0) * g
        elif op == SUB:
            grad[i] += g
            grad[j] += -g
        elif op == NEG:
            grad[i] += -g
        elif op == DIV:
            grad[i] += 1 / b * g
            grad[j] += -a / b / b * g
        elif op in (POW_N, POW):
            grad[i] += (b * math.pow(a, b - 1) if b != 0 else 0.0) * g
            if op == POW:
                grad[j] += y * math.log(a) * g
        elif op == TANH:
            grad[i] += (1 - y * y) * g
        elif op == SIGMOID:
            grad[i] += y * (1 - y) * g
        elif op == EXP:
            grad[i] += y * g
        elif op == LOG:
            grad[i] += 1 / a * g
        elif op == SQRT:
            grad[i] += (0.5 / y if y != 0 else math.inf) * g
        elif op == SIN:
            grad[i] += math.cos(a) * g
        elif op == COS:
            grad[i] += -math.sin(a) * g
        elif op == ABS:
            grad[i] += (math.copysign(1.0, a) if a != 0 else 0.0) * g
        else:
            larger, smaller = (1.0, 0.0) if op == MAX else (0.0, 1.0)
            share = larger if a > b else smaller if a < b else 0.5
            grad[i] += share * g
            grad[j] += (1 - share) * g


@compiled
def run(
    ops: Codes, left: Places, right: Places, data: Floats, grad: Floats, rows: Floats, outputs: Places, results: Floats
) -> tuple[int, int]:
    """Replay over `rows` (B, inputs) into `results` (B, outputs); the row and operation that failed, or (-1, -1).

    Inputs are the first numbers of `data`. If `grad` is not empty, gradients of leaves are added up in it, and each
    row's input gradients replace the row. The arrays come one by one, since a NamedTuple of them would make a call take
    2.7 us instead of 1.2, and small programs are called often.
    """
    first, n = data.size - ops.size, rows.shape[1]
    for r in range(rows.shape[0]):
        data[:n] = rows[r]
        failed = forward(ops, left, right, data)
        if failed >= 0:
            return r, failed
        for i in range(outputs.size):
            results[r, i] = data[outputs[i]]
        if grad.size:
            grad[:n] = 0.0
            grad[first:] = 0.0
            for i in outputs:
                grad[i] += 1.0
            backward(ops, left, right, data, grad)
            rows[r] = grad[:n]
    return -1, -1
