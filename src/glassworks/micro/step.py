r"""Backward, step by step: every multiplication of the chain rule as a record, as lines in a terminal, or as a page.

>>> a, b = Value(2.0, "a"), Value(-3.0, "b")
>>> c = a * b
>>> c.label = "c"
>>> for step in steps(c):
...     print(*sentences(step, named([a, b, c])), sep="\n")
The gradient of c by itself: c.grad = 1
c = a * b = -6, and c.grad = 1 is complete
a.grad += b × c.grad = -3 × 1 = -3, so a.grad = -3
b.grad += a × c.grad = 2 × 1 = 2, so b.grad = 2
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glassworks.micro.engine import Value
from glassworks.micro.graph import DARK, LIGHT, draw, escape, short, symbol

DERIVATIVES: dict[str, tuple[str, ...]] = {
    "+": ("1", "1"),
    "-": ("1", "-1"),
    "*": ("{b}", "{a}"),
    "/": ("(1 / {b})", "(-{a} / {b}²)"),
    "**": ("{b} · {a}^({b} - 1)", "{y} · log({a})"),
    "neg": ("-1",),
    "relu": ("(1 if {a} > 0 else 0)",),
    "abs": ("sign({a})",),
    "exp": ("{y}",),
    "log": ("(1 / {a})",),
    "sqrt": ("(0.5 / {y})",),
    "sin": ("cos({a})",),
    "cos": ("-sin({a})",),
    "tanh": ("(1 - {y}²)",),
    "sigmoid": ("{y} · (1 - {y})",),
    "max": ("(1 if {a} is larger, ½ if equal)", "(1 if {b} is larger, ½ if equal)"),
    "min": ("(1 if {a} is smaller, ½ if equal)", "(1 if {b} is smaller, ½ if equal)"),
}
"""The derivative of y by a, and of y by b, in words; the numbers come from the engine."""


@dataclass(frozen=True)
class Contribution:
    """What an operation adds to the gradient of one of its operands."""

    child: Value
    local: float
    """Derivative of the result by the operand."""
    amount: float
    """`local` times the gradient of the result."""
    grad: float
    """The operand's gradient so far, with this."""


@dataclass(frozen=True)
class Step:
    """One value hands its gradient, which is complete, on to its operands. The first step has none: it sets the 1."""

    value: Value
    grad: float
    contributions: tuple[Contribution, ...] = ()


def steps(root: Value) -> Iterator[Step]:
    """What `root.backward()` does from gradients of 0, in its order and with its numbers; no value is changed."""
    order = Value.topological(root)
    grads = dict.fromkeys(order, 0.0)
    grads[root] += 1.0
    yield Step(root, grads[root])
    for v in reversed(order):
        contributions = []
        for child, local in zip(v._prev, (v._left_grad, v._right_grad), strict=False):
            amount = local * grads[v]
            grads[child] += amount
            contributions.append(Contribution(child, local, amount, grads[child]))
        if contributions:
            yield Step(v, grads[v], tuple(contributions))


# ----------------------------------------------------------------------------------------------------------------------
# In words


def named(values: Sequence[Value]) -> dict[Value, str]:
    """A name for every value: its label; else for a constant its number, for a result v1, v2 and so on, for the last y.

    `values` are in topological order.
    """
    labels = {v: " ".join(v.label.split()) for v in values}
    used = set(labels.values())
    free = (name for k in range(1, 2 * len(values) + 1) if (name := f"v{k}") not in used)
    names = {v: labels[v] or (next(free) if v._prev else short(v.data)) for v in values[:-1]}
    return names | {values[-1]: labels[values[-1]] or ("y" if "y" not in used else next(free))}


def formula(v: Value, names: Mapping[Value, str]) -> str:
    """How a value was made: "a * b", "-a", "tanh(a)"."""
    operands = [names[child] for child in v._prev]
    if v._op == "neg":
        return f"-{operands[0]}"
    if v._op[0] in "+-*/":
        return f" {symbol(v)} ".join(operands) if len(operands) == 2 else f"{operands[0]} ** {symbol(v)[2:]}"
    return f"{v._op}({', '.join(operands)})"


def derivative(v: Value, side: int, names: Mapping[Value, str]) -> str:
    """The derivative of a value by an operand, in words."""
    a, b = names[v._prev[0]], names[v._prev[-1]]
    if v._op.startswith("**") and len(v._prev) == 1:
        n = float(v._op[2:])
        return f"2 · {a}" if n == 2 else f"{short(n)} · {a}^{short(n - 1)}"
    return DERIVATIVES[v._op][side].format(a=a, b=b, y=names[v])


def sentences(step: Step, names: Mapping[Value, str]) -> list[str]:
    """A step in words: what the value is, then the arithmetic for each operand."""
    v, name = step.value, names[step.value]
    if not step.contributions:
        return [f"The gradient of {name} by itself: {name}.grad = 1"]
    lines = [f"{name} = {formula(v, names)} = {short(v.data)}, and {name}.grad = {short(step.grad)} is complete"]
    for side, part in enumerate(step.contributions):
        child = names[part.child] if part.child._prev or part.child.label else f"({names[part.child]})"
        words, number = derivative(v, side, names), short(part.local)
        product = f"{number} × {short(step.grad)} = {short(part.amount)}"
        rule = "" if words == number else f"{words} × {name}.grad = "
        lines.append(f"{child}.grad += {rule}{product}, so {child}.grad = {short(part.grad)}")
    return lines


def play(root: Value) -> None:
    """Print the steps; on a terminal each waits for Enter, and q or ctrl-D ends it."""
    names = named(Value.topological(root))
    waits = sys.stdin.isatty() and sys.stdout.isatty()
    every = list(steps(root))
    for k, step in enumerate(every, 1):
        first, *others = sentences(step, names)
        print(f"{k:>{len(str(len(every)))}}/{len(every)}  {first}", *others, sep="\n      ")  # noqa: T201
        if waits and k < len(every):
            try:
                if input("Enter: next, q: quit ").strip().lower().startswith("q"):
                    return
            except EOFError:
                return


# ----------------------------------------------------------------------------------------------------------------------
# As a page


def page(root: Value, *, limit: int = 200) -> str:
    """One HTML page that plays backward in a picture of the graph, by buttons or arrow keys; it needs no network.

    Its address with #7 opens it at step 7. `ValueError` if the graph has more than `limit` values.
    """
    values = Value.topological(root)
    if len(values) > limit:
        raise ValueError(
            f"the graph has {len(values):,} values, and no more than {limit:,} are shown (limit): step through a "
            "smaller one"
        )
    names = named(values)
    final = dict.fromkeys(values, 0.0) | {root: 1.0}
    final |= {part.child: part.grad for step in steps(root) for part in step.contributions}
    picture = draw(values, {v: names[v] if v._prev else v.label for v in values}, final)
    title = f"Backward through {names[root]} = {short(root.data)}, step by step"
    data = json.dumps(records(root)).replace("<", "\\u003c")  # so that no label can close the script element
    parts = {"TITLE": escape(title), "PICTURE": picture, "STEPS": data, "LIGHT": LIGHT, "DARK": DARK}
    return re.sub("|".join(parts), lambda found: parts[found[0]], PAGE)


def records(root: Value) -> list[dict[str, Any]]:
    """Each step as plain values: its value and operands by number in topological order, gradients so far, and words."""
    values = Value.topological(root)
    names, number = named(values), {v: i for i, v in enumerate(values)}
    return [
        {
            "value": number[step.value],
            "operands": [number[part.child] for part in step.contributions],
            "grads": [short(part.grad) for part in step.contributions],
            "words": sentences(step, names),
        }
        for step in steps(root)
    ]


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline'">
<title>TITLE</title>
<style>
:root{color-scheme:light dark;LIGHT}
@media (prefers-color-scheme:dark){:root{DARK}}
*{box-sizing:border-box}
body{margin:0;padding:28px max(16px,3vw);background:var(--paper);color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif}
h1{font-size:1.35rem;line-height:1.25;font-weight:600;margin:0 0 .6em;overflow-wrap:anywhere}
#words{margin:18px 0}
#words p{margin:0 0 .25em;overflow-wrap:anywhere}
#words p+p{font:.92em/1.6 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
nav{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin-top:16px}
button{font:inherit;color:inherit;background:var(--wash);border:1px solid var(--rule);border-radius:6px;
  padding:6px 12px;min-height:40px;cursor:pointer}
button:disabled{opacity:.45;cursor:default}
button:focus-visible,#graph:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
#count{color:var(--soft);font-variant-numeric:tabular-nums;margin-left:6px}
#graph{overflow-x:auto;border:1px solid var(--rule);border-radius:6px}
#graph svg{display:block;margin:0 auto}
small{color:var(--soft);display:block;margin-top:10px}
.gw-graph .edge.done{stroke:var(--mark)}
.gw-graph .edge.now{stroke:var(--warm);stroke-width:3}
.gw-graph .now .box{stroke:var(--mark);stroke-width:3}
.gw-graph .now .pill{stroke:var(--warm);stroke-width:2.5}
.gw-graph .gets .box{stroke:var(--warm);stroke-width:3}
.gw-graph .gets .grad{fill:var(--warm);font-weight:700}
@media (max-width:600px){nav button{flex:1 1 0;padding:6px 4px}#count{flex-basis:100%;margin:0}}
</style></head><body>
<h1>TITLE</h1>
<div id="graph" tabindex="0" role="region" aria-label="the graph">PICTURE</div>
<nav aria-label="steps"><button id="first">First</button><button id="back">Back</button><button id="next">Next</button>
<button id="last">Last</button><button id="play" aria-pressed="false">Play</button><span id="count"></span></nav>
<div id="words" aria-live="polite"></div>
<small>Arrow keys step, Home and End go to the ends, space plays. Blue: the value whose gradient is complete.
Orange: the operands it goes to.</small>
<noscript><p>The picture shows the gradients at the end; stepping needs JavaScript.</p></noscript>
<script type="application/json" id="steps">STEPS</script>
<script>
const steps = JSON.parse(document.getElementById("steps").textContent)
const element = id => document.getElementById(id)
const every = selector => [...document.querySelectorAll(selector)]
const boxes = every("[data-box]"), pills = every("[data-pill]"), edges = every("[data-edge]")
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches
let at = 0, timer = null

function show(k, smooth = true) {
  at = Math.max(0, Math.min(steps.length, k))
  const grads = boxes.map(() => "0"), done = new Set(), now = at ? steps[at - 1] : null
  steps.slice(0, at).forEach((step, i) => {
    if (i == 0) grads[step.value] = "1"
    step.operands.forEach((child, side) => { grads[child] = step.grads[side]; done.add(step.value + "-" + side) })
  })
  for (const box of boxes) {
    const i = Number(box.dataset.box)
    box.querySelector(".grad").textContent = grads[i]
    box.classList.toggle("now", !!now && now.value == i)
    box.classList.toggle("gets", !!now && now.operands.includes(i))
  }
  for (const pill of pills)
    pill.classList.toggle("now", !!now && now.operands.length > 0 && now.value == pill.dataset.pill)
  for (const edge of edges) {
    edge.classList.toggle("done", done.has(edge.dataset.edge))
    edge.classList.toggle("now", !!now && edge.dataset.edge.split("-")[0] == now.value)
  }
  const start = ["Before the first step every gradient is 0. Press Next."]
  element("words").replaceChildren(...(now ? now.words : start).map(line => {
    const p = document.createElement("p")
    p.textContent = line
    return p
  }))
  element("count").textContent = "step " + at + " of " + steps.length
  element("first").disabled = element("back").disabled = at == 0
  element("next").disabled = element("last").disabled = at == steps.length
  if (at == steps.length) stop()
  follow(smooth)
}
function follow(smooth) { // to the middle of what is marked; if it is too wide, to its right end
  const step = steps[Math.max(0, at - 1)], graph = element("graph"), frame = graph.getBoundingClientRect()
  const spots = [step.value, ...step.operands].map(i => boxes[i].getBoundingClientRect())
  const right = Math.max(...spots.map(s => s.right)), wide = right - Math.min(...spots.map(s => s.left))
  const room = Math.max(16, (frame.width - wide) / 2)
  graph.scrollBy({ left: right + room - frame.right, behavior: smooth && !calm ? "smooth" : "auto" })
}
function stop() {
  clearInterval(timer)
  timer = null
  element("play").textContent = "Play"
  element("play").setAttribute("aria-pressed", "false")
}
function play() {
  if (timer) return stop()
  if (at == steps.length) show(0)
  timer = setInterval(() => show(at + 1), 1500)
  element("play").textContent = "Pause"
  element("play").setAttribute("aria-pressed", "true")
  show(at + 1)
}
const moves = {
  first: () => show(0), back: () => show(at - 1), next: () => show(at + 1), last: () => show(steps.length)
}
for (const [id, move] of Object.entries(moves)) element(id).onclick = () => { stop(); move() }
element("play").onclick = play
const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last" }
addEventListener("resize", () => follow(false))
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key == " " && event.target.tagName != "BUTTON") play()
  else if (event.key in keys) { stop(); moves[keys[event.key]]() }
  else return
  event.preventDefault()
})
show(Number(location.hash.slice(1)) || 0, false)
</script></body></html>
"""
