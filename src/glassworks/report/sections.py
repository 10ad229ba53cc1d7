"""The report's sections, each from a run's contents to HTML. An absent part becomes the command that makes it."""

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from glassworks.core.progress import counted
from glassworks.core.runs import started_from
from glassworks.data.text.reading import NOTES
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import duration, fixed, minus, number, plain, short, size
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.report.contents import Contents
from glassworks.report.corpus import corpus_read
from glassworks.report.samples import samples_figure
from glassworks.report.training_curves import loss_figure, missing, optimizer_figures, speed_figure
from glassworks.trace.drawings.attention import attention_figure
from glassworks.trace.drawings.health import dead_units, scale_figure
from glassworks.trace.drawings.lens import lens_figure
from glassworks.trace.drawings.texts import surprise_figure
from glassworks.trace.trace import Trace


def header(contents: Contents, said: str, figures: Iterable[tuple[str, tuple[str, ...]]]) -> Markup:
    """The run's name, the verdict in one sentence, the key figures, and what could not be read."""
    created = str(contents.record.get("created", ""))[:19].replace("T", " ")
    damage = [tag("p", line, class_="missing") for line in contents.damage]
    return tag(
        "header",
        tag("p", join(["Glassworks run", tag("span", created)]), class_="kicker"),
        tag("h1", contents.name),
        tag("p", said, class_="verdict"),
        *advice(contents),
        *damage,
        tag(
            "dl",
            *(tag("div", tag("dt", name), tag("dd", *value)) for name, value in figures),
            class_="keys",
        ),
    )


def verdict(contents: Contents) -> str:
    """What the network was before, if it was one; and whether it beats the baselines, as the evaluation put it."""
    parent = started_from(contents.record)
    return f"{f'Fine-tuned from {parent}. ' if parent is not None else ''}{judged(contents)}"


def judged(contents: Contents) -> str:
    """The verdict of the evaluation."""
    if contents.held_out and contents.held_out.get("verdict"):
        return str(contents.held_out["verdict"])
    if contents.held_out:
        return "The network was evaluated without baselines, so this page cannot say whether it beats them."
    return "Not compared with the baselines yet."


def advice(contents: Contents) -> Iterator[Markup]:
    """What to do next, where the evaluation says so."""
    if contents.held_out and contents.held_out.get("advice"):
        yield tag("p", str(contents.held_out["advice"]))


def key_figures(contents: Contents) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and values of the numbers at the top."""
    held_out = contents.held_out or {}
    bits, error = number(held_out.get("bits_per_byte")), number(held_out.get("bits_per_byte_se"))
    if not math.isfinite(bits):
        known = [value for value in contents.column("val_bits_per_byte")[1] if math.isfinite(value)]
        bits = known[-1] if known else math.nan
    plus = tag("small", f" ± {error:.3f}") if math.isfinite(error) else ""
    yield "held out", (fixed(bits, 3), plus, unit("bits per byte"))
    yield "parameters", (count(contents.fact("result", "num_params")),)
    yield "trained on", (count(contents.steps * contents.tokens_per_step), unit("tokens"))
    seconds = contents.column("seconds")[1]
    yield "training time", (duration(seconds[-1] if seconds else math.nan),)
    speeds = [speed for speed in contents.column("tokens_per_s")[1] if math.isfinite(speed)]
    yield "speed, median", (count(median(speeds) if speeds else math.nan), unit("tokens/s"))
    yield "peak memory", (size(contents.fact("result", "peak_memory_bytes")),)


def count(value: float) -> str:
    """A count in few digits; a dash where there is none."""
    return short(value) if math.isfinite(value) else "–"


def unit(words: str) -> Markup:
    """A unit after a number."""
    return tag("small", f" {words}")


# ----------------------------------------------------------------------------------------------------------------------


def learning(contents: Contents) -> Markup:
    """What it read, and the loss curves."""
    if not contents.column("loss")[0]:
        resume = f"glassworks train --resume {contents.quoted}"
        return join([corpus_read(contents), missing("No step has been logged yet. Go on with", resume)])
    return join([corpus_read(contents), loss_figure(contents)])


def comparison(contents: Contents) -> Markup:
    """The network among the baselines, the best first."""
    held_out = contents.held_out
    if not held_out:
        return missing("Not evaluated yet. Compare with the baselines by", f"glassworks eval {contents.quoted}")
    rows = [{"name": "the network", "note": "this run", **held_out, "ours": True}, *held_out.get("baselines", [])]
    rows.sort(key=lambda row: (math.isnan(number(row.get("bits_per_byte"))), number(row.get("bits_per_byte"))))
    worst = max((x for x in (number(row.get("bits_per_byte")) for row in rows) if math.isfinite(x)), default=1.0)
    head = [tag("th", "", scope="col"), tag("th", "", class_="bar-cell")]
    head += [tag("th", name, scope="col") for name in ("bits per byte", "network − row", "nats per token", "time")]
    body = [comparison_row(row, worst) for row in rows]
    counts = [
        (held_out.get(key), name)
        for key, name in (("num_bytes", "byte"), ("num_tokens", "token"), ("num_documents", "document"))
    ]
    same = ", ".join(counted(value, name) for value, name in counts if isinstance(value, int))
    caption = (
        f"Every row is measured on the same held-out text{f' ({same})' if same else ''}; lower is better. "
        "± is one standard error over documents. The same documents are hard for every row, so a verdict is by the "
        "differences within documents, with their 95 % interval: it may be sure where the ± of two rows overlap."
    )
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_="comparison")
    return tag("figure", scrolling(table), tag("figcaption", caption))


def comparison_row(row: Mapping[str, Any], worst: float) -> Markup:
    """One line of the table, with a bar as long as its bits per byte."""
    bits, error = number(row.get("bits_per_byte")), number(row.get("bits_per_byte_se"))
    width = 100 * min(max(bits / worst, 0.0), 1.0) if math.isfinite(bits) and worst > 0 else 0.0
    bar = tag("span", tag("i", style=f"width:{width:.1f}%"), class_="bar")
    return tag(
        "tr",
        tag("th", str(row.get("name", "")), tag("small", str(row.get("note") or "")), scope="row"),
        tag("td", bar, class_="bar-cell"),
        tag("td", fixed(bits, 3), tag("small", f" ± {error:.3f}") if math.isfinite(error) else ""),
        tag("td", *difference_cell(row.get("difference"))),
        tag("td", fixed(number(row.get("nats_per_token")), 3)),
        tag("td", duration(number(row.get("seconds")))),
        class_="ours" if row.get("ours") else None,
    )


def difference_cell(difference: Any) -> Iterator[str]:
    """The network's score less a baseline's, with its interval and the verdict by it."""
    if isinstance(difference, dict):
        yield minus(f"{number(difference.get('bits_per_byte')):+.3f}")
        low, high = number(difference.get("low")), number(difference.get("high"))
        known = math.isfinite(low) and math.isfinite(high)
        between = minus(f"{low:+.3f} to {high:+.3f}") if known else "no interval"
        yield tag("small", between, class_="under")
        if difference.get("verdict"):
            yield tag("small", str(difference["verdict"]), class_="under")


def writing(contents: Contents) -> Markup:
    """Samples."""
    if not contents.samples:
        return missing("No samples yet. Let the network write by", f"glassworks sample {contents.quoted}")
    return samples_figure(contents.samples, contents.code)


def traced(contents: Contents, name: str) -> Trace | None:
    """A trace of the run, if there is one; those of earlier versions, which have no legend, with their method's."""
    trace = contents.traces.get(name)
    return trace if trace is None or trace.legend.title else replace(trace, legend=METHODS[name].legend)


def reading(contents: Contents) -> Markup:
    """Held-out text by surprise."""
    trace = traced(contents, "surprise")
    if trace is None:
        return missing("Its surprise was not traced yet. Look inside by", f"glassworks report {contents.quoted}")
    return surprise_figure(trace, contents.token, contents.code)


def inside(contents: Contents) -> Markup:
    """Attention patterns and the logit lens of one sentence."""
    look = f"glassworks report {contents.quoted}"
    attention, lens = traced(contents, "attention"), traced(contents, "logit_lens")
    parts = [tag("h3", "Where each head looks")]
    if attention:
        parts += [tag("p", METHODS["attention"].legend.reading), attention_figure(attention)]
    else:
        parts.append(missing("Attention was not traced yet. Look inside by", look))
    parts.append(tag("h3", "What each layer would say"))
    if lens:
        parts += [tag("p", METHODS["logit_lens"].legend.reading), lens_figure(lens, contents.token)]
    else:
        parts.append(missing("The lens was not traced yet. Look inside by", look))
    return join(parts)


def wellbeing(contents: Contents) -> Markup:
    """Scales, dead units, updates."""
    trace = traced(contents, "health")
    look = f"glassworks report {contents.quoted}"
    if trace is None:
        scales = missing("Activations and gradients were not traced yet. Look inside by", look)
    else:
        scales = join([tag("p", METHODS["health"].legend.reading), scale_figure(trace), dead_units(trace)])
    return join([scales, optimizer_figures(contents)])


def speed(contents: Contents) -> Markup:
    """Tokens per second, share of the machine's peak, memory."""
    if not contents.column("tokens_per_s")[0]:
        return missing("No speed has been logged yet. Go on with", f"glassworks train --resume {contents.quoted}")
    peak, share = contents.fact("result", "matmul_peak_flops"), contents.fact("result", "peak_share")
    said = []
    if math.isfinite(share):
        said.append(
            f"Over the run the network's own arithmetic reached {share:.1%} of the {flops(peak)} that this "
            "machine's fastest matrix product was measured at"
        )
    memory, device = contents.fact("result", "peak_memory_bytes"), contents.fact("result", "device_memory_bytes")
    if math.isfinite(memory):
        said.append(f"the process held {size(memory)} at most while training")
    if math.isfinite(device):
        said.append(f"the accelerator {size(device)}")
    return join([tag("p", "; ".join(said) + ".") if said else "", speed_figure(contents)])


def flops(rate: float) -> str:
    """Floating-point operations a second."""
    return f"{rate / 1e12:.3g} TFLOP/s" if rate >= 1e12 else f"{rate / 1e9:.3g} GFLOP/s"


def again(contents: Contents) -> Markup:
    """The command that repeats the run, and everything it depends on."""
    record = dict(contents.record)
    if not record:
        return missing(
            "This run has no run.json, so it cannot say how it was made. Start a new one by", "glassworks train"
        )
    command = record.pop("command", None)
    words = list(map(shlex.quote, repeated(command, record))) if isinstance(command, list) else [str(command or "")]
    line = [part for word in words for part in (tag("span", word), " ")][:-1]
    groups: dict[str, dict[str, Any]] = {"": {}}
    for key, value in record.items():
        if isinstance(value, dict):
            groups[key] = {
                name: fact for name, fact in flat(value) if key != "corpus" or name.split(".")[0] not in NOTES
            }
        else:
            groups[""][key] = value
    tables = [facts(name or "run", values) for name, values in groups.items() if values]
    return join([tag("pre", *line) if command else "", tag("div", *tables, class_="facts")])


def repeated(command: list[str], record: Mapping[str, Any]) -> Iterator[str]:
    """A command without its `--name`, which is taken now; a training's with the precision that was decided on."""
    plan = record.get("plan")
    precision = plan.get("precision") if isinstance(plan, dict) and "train" in command else None
    words, left_out = iter(command), ("--name", "--precision") if precision else ("--name",)
    for word in words:
        if word in left_out:
            next(words, None)
        elif not word.startswith(tuple(f"{flag}=" for flag in left_out)):
            yield word
    if precision:
        yield from ("--precision", str(precision))


def facts(name: str, values: Mapping[str, Any]) -> Markup:
    """Names and values as a small table."""
    rows = [tag("tr", tag("th", key, scope="row"), tag("td", plain(value))) for key, value in values.items()]
    return tag("table", tag("caption", name), *rows)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested fields as dotted names."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
