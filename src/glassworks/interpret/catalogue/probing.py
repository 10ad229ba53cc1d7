"""What can be read off the layers of a `Subject`, and how alike they are."""

from dataclasses import replace
from typing import Any, Literal

from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace


def probe(subject: Subject) -> Trace:
    """Questions about the text, asked of every layer."""
    from glassworks.interpret.probing.legends import PROBE

    return asked(subject, PROBE)


def mlp_probe(subject: Subject) -> Trace:
    """The same questions, also asked by a probe with a hidden layer of 32."""
    from glassworks.interpret.probing.legends import MLP_PROBE

    passes = 20 if subject.is_large else 10  # of fewer rows it takes more to learn as much
    return asked(subject, MLP_PROBE, hidden=32, passes=passes, lr=1e-2)


def asked(subject: Subject, legend: Legend, **options: Any) -> Trace:
    """Questions about the text, asked of every layer by probes with these options."""
    from glassworks.interpret.probing.report import probe
    from glassworks.interpret.text_labels import CLASSES, TARGETS, text_targets

    rows, held_out, size = subject.fewer(subject.fitting[:128], 32), subject.fewer(subject.held_out, 16), 16
    trace = probe(
        subject.model,
        lambda step: (rows[size * step :][:size], text_targets(rows[size * step :][:size], subject.texts)),
        lambda step: (held_out[size * step :][:size], text_targets(held_out[size * step :][:size], subject.texts)),
        "blocks.*.resid_post",
        steps=-(-len(rows) // size),
        held_out_steps=-(-len(held_out) // size),
        classes=CLASSES,
        targets=TARGETS,
        seed=subject.seed,
        **options,
    )
    return replace(trace, legend=legend.with_axes(point=trace.legend.axes["point"]))


def similarity(subject: Subject) -> Trace:
    """Every layer beside every other, on held-out text."""
    return compared(subject, "cka")


def svcca(subject: Subject) -> Trace:
    """The same by canonical correlation."""
    return compared(subject, "svcca")


def compared(subject: Subject, method: Literal["cka", "svcca"]) -> Trace:
    """Every layer beside every other by a method, on held-out text."""
    from glassworks.interpret.probing.similarity import similarity

    rows = subject.held_out
    return similarity(
        subject.model,
        lambda step: rows[4 * step :][:4],
        "blocks.*.resid_post",
        steps=max(1, len(rows) // 4),
        method=method,
        seed=subject.seed,
    )
