"""The report: complete, offline, true to its data, and unharmed by what is missing or hostile."""

import itertools
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.runs import Run
from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.report.run_page import TEXT, write_report
from glassworks.trace.trace import Trace

HOSTILE = "</script><script>alert(1)</script><!-- <b onload=x> & \"quoted\" 'single' \x00\x1b\ud800"
PARTS = (
    "run.json",
    "metrics.jsonl",
    "samples.jsonl",
    "evals/held_out.json",
    "model/tokenizer.json",
    "traces/attention.json",
    "traces/logit_lens.json",
    "traces/surprise.json",
    "traces/health.json",
)
VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Checks that every element is closed in order, and keeps what the page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def find(self, **wanted: str) -> list[dict[str, str | None]]:
        """Attributes of the elements that have these."""
        wanted = {name.rstrip("_"): value for name, value in wanted.items()}
        return [attrs for _, attrs in self.elements if all(attrs.get(k) == v for k, v in wanted.items())]


def make_run(path: Path, *, layers: int = 2, heads: int = 3, length: int = 6, steps: int = 120) -> Run:
    """A whole run with random numbers in the form that training, evaluation and interpretation write."""
    rng = np.random.default_rng(0)
    run = Run.create(
        path,
        command=["glassworks", "train", "recipes/a b.toml", "--seed", "7"],
        recipe={"batch_size": 4, "model": {"n_ctx": 32, "n_layer": layers}, "optimizer": {"lr": 0.003}},
        seed=7,
        result={
            "num_params": 12_345,
            "flops_per_token": 1e6,
            "matmul_peak_flops": 5e10,
            "peak_share": 0.25,
            "peak_memory_bytes": 612 << 20,
            "device_memory_bytes": None,
        },
    )
    for step in range(1, steps + 1):
        row = {"step": step, "loss": 2 + 3 / step, "lr": 0.003, "grad_norm": 1.0, "seconds": step / 2}
        row |= {"tokens_per_s": 1000.0 + step}
        if step % 20 == 0:
            row |= {"val_nats_per_token": 2.1 + 3 / step, "val_bits_per_byte": (2.1 + 3 / step) / 2}
            row |= {f"update_ratio/blocks.{layer}.mlp.up.weight": 1e-3 for layer in range(layers)}
        run.append("metrics", row)
    for step in (60, 120):
        run.append("samples", {"step": step, "prompt": "Once", "text": f" upon {step} times"})
    held_out = {"nats_per_token": 2.125, "bits_per_byte": 1.0625, "bits_per_byte_se": 0.0125, "seconds": 1.5}
    held_out |= {"num_tokens": 5000, "num_bytes": 10_000, "num_documents": 12, "verdict": "It beats them all."}
    baselines = [{"name": "uniform", "bits_per_byte": 2.7725, "nats_per_token": 5.545, "seconds": 0.0, "note": "none"}]
    run.eval_path("held_out").parent.mkdir()
    run.eval_path("held_out").write_text(json.dumps({**held_out, "baselines": baselines}))
    byte_tokenizer().save(path / "model" / "tokenizer.json")
    for trace in make_traces(rng, layers, heads, length):
        trace.save(path / "traces" / trace.method)
    return run


def make_traces(rng: np.random.Generator, layers: int, heads: int, length: int) -> list[Trace]:
    """Traces of the four methods with the arrays and axes of `glassworks.interpret`."""
    scores = rng.normal(size=(layers, heads, length, length)).astype(np.float32)
    weights = np.exp(scores) * np.tril(np.ones((length, length)))
    words = [chr(97 + i % 26) for i in range(length)]
    words[-1] = "</script>\n"
    top = np.sort(rng.dirichlet(np.ones(3), (layers + 1, length)), -1)[..., ::-1]
    nats = rng.exponential(2, length).astype(np.float32)
    return [
        Trace(
            "attention",
            {"pattern": (weights / weights.sum(-1, keepdims=True)).astype(np.float32)},
            {"pattern": ("layer", "head", "query", "key")},
            {"query": words, "key": words},
        ),
        Trace(
            "logit_lens",
            {
                "top_ids": rng.integers(97, 122, (layers + 1, length, 3)),
                "top_probabilities": top.astype(np.float32),
                "next_probability": rng.uniform(size=(layers + 1, length - 1)).astype(np.float32),
                "next_rank": rng.integers(1, 4, (layers + 1, length - 1)),
            },
            {
                "top_ids": ("layer", "position", "top"),
                "top_probabilities": ("layer", "position", "top"),
                "next_probability": ("layer", "next"),
                "next_rank": ("layer", "next"),
            },
            {"layer": ["embed", *map(str, range(layers))], "position": words, "next": words[1:]},
        ),
        Trace(
            "surprise",
            {"nats": nats, "entropy": nats},
            {"nats": ("token",), "entropy": ("token",)},
            {"token": words},
        ),
        Trace(
            "health",
            {
                "activation_rms": rng.uniform(1, 2, (layers, 3)),
                "dead_fraction": np.linspace(0, 0.125, layers),
                "gradient_rms": rng.uniform(1e-4, 1e-3, (layers, 2)),
                "outer_gradient_rms": np.array([0.5, 0.25]),
            },
            {
                "activation_rms": ("layer", "site"),
                "dead_fraction": ("layer",),
                "gradient_rms": ("layer", "part"),
                "outer_gradient_rms": ("outer",),
            },
            {"site": ["resid_post", "attn_out", "mlp_out"], "part": ["attn.qkv", "mlp.up"], "outer": ["embed", "head"]},
            {"num_tokens": 4096},
        ),
    ]


def read(run: Run) -> tuple[str, Reader]:
    """The report of a run, written and parsed."""
    page = write_report(run).read_text("utf-8")
    return page, Reader(page)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("runs") / "whole")


def test_every_section_is_there_and_says_nothing_is_missing(whole: Run) -> None:
    _, reader = read(whole)
    assert [attrs["id"] for tag, attrs in reader.elements if tag == "section"] == [name for name, _, _ in TEXT]
    assert not reader.find(class_="missing")


def test_the_page_asks_no_other_host(whole: Run) -> None:
    page, reader = read(whole)
    assert not {"link", "img", "iframe", "object", "base", "image", "use"} & {tag for tag, _ in reader.elements}
    for tag, attrs in reader.elements:
        assert "src" not in attrs, tag
        assert (attrs.get("href") or "#").startswith("#")
        assert not [name for name in attrs if name.startswith("on")], tag
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    (policy,) = [attrs for attrs in reader.find() if "http-equiv" in attrs]
    assert "default-src 'none'" in (policy["content"] or "")


def test_the_same_folder_gives_the_same_page(whole: Run) -> None:
    assert write_report(whole).read_bytes() == write_report(whole).read_bytes()
    assert not list(whole.path.glob(".*.tmp"))


def test_header_and_table_show_the_numbers_of_the_evaluation(whole: Run) -> None:
    _, reader = read(whole)
    for words in ("It beats them all.", "1.062 ± 0.013", "2.125", "5.545", "12.3k", "612 MiB", "10,000 bytes", "15.4k"):
        assert words in reader.text, words
    assert "glassworks train 'recipes/a b.toml' --seed 7" in reader.text


def test_a_plan_that_was_revised_is_told_with_the_learning_rate(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert "were planned" not in write_report(run).read_text(encoding="utf-8")
    run.update(plan={"steps": 1000}, revisions=[{"step": 50, "steps": 1200}, {"step": 90, "steps": 120}])
    said = (
        "1,000 steps were planned, and counted anew to keep to the minutes given: 1,200 after step 50, 120 after step"
    )
    text = Reader(write_report(run).read_text(encoding="utf-8")).text
    assert said in text
    assert "step 50, steps 1200; step 90, steps 120" in text


def test_it_is_repeated_in_the_precision_that_was_decided_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    words = ["glassworks", "train", "--precision", "auto", "--name=run", "--seed", "7"]
    run.update(command=words, plan={"steps": 120, "precision": "bfloat16"})
    assert "glassworks train --seed 7 --precision bfloat16" in Reader(write_report(run).read_text("utf-8")).text


def test_weights_of_each_head_are_the_traces_own(whole: Run) -> None:
    _, reader = read(whole)
    pattern = Trace.load(whole.path / "traces" / "attention").arrays["pattern"]
    rows, columns = np.tril_indices(pattern.shape[-1])
    for layer, head in np.ndindex(pattern.shape[:2]):
        (button,) = [a for a in reader.find() if a.get("data-name") == f"layer {layer}, head {head}"]
        drawn = np.array((button["data-weights"] or "").split(","), dtype=float) / 1000
        np.testing.assert_allclose(drawn, pattern[layer, head][rows, columns], atol=5.1e-4)


def test_surprise_and_lens_tell_the_traces_numbers(whole: Run) -> None:
    _, reader = read(whole)
    titles = [attrs["title"] or "" for attrs in reader.find() if "title" in attrs]
    told = [float(m[1]) for m in (re.search(r"\n([\d.]+) nats, prob", title) for title in titles) if m]
    np.testing.assert_allclose(told, Trace.load(whole.path / "traces" / "surprise").arrays["nats"], atol=0.005)
    lens = Trace.load(whole.path / "traces" / "logit_lens").arrays
    told = [
        float(m[1].replace("−", "-"))
        for m in (re.match(r"most likely: “.”\s([\d.e−]+)", title) for title in titles)
        if m
    ]
    np.testing.assert_allclose(told, lens["top_probabilities"][..., 0].ravel(), rtol=5e-3)
    ringed = sum("right" in (attrs.get("class") or "").split() for tag, attrs in reader.elements if tag == "td")
    assert ringed == (lens["next_rank"] == 1).sum()


def test_an_empty_folder_says_how_to_fill_each_section(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _, reader = read(Run(tmp_path / "empty"))
    assert len(reader.find(class_="missing")) == len(TEXT) + 1  # two figures inside
    assert reader.text.count("glassworks ") >= len(TEXT)


SUBSETS = [
    pytest.param(kept, id="+".join(Path(part).stem for part in kept) or "nothing")
    for kept in [
        *itertools.combinations(PARTS, 1),
        *itertools.combinations(PARTS, 2),
        *itertools.combinations(PARTS, len(PARTS) - 1),
    ]
]


@pytest.mark.parametrize("kept", SUBSETS)
def test_any_part_may_be_missing(whole: Run, tmp_path: Path, kept: tuple[str, ...]) -> None:
    shutil.copytree(whole.path, tmp_path / "run")
    for part in set(PARTS) - set(kept):
        (tmp_path / "run" / part).unlink()
    _, reader = read(Run(tmp_path / "run"))
    assert len([tag for tag, _ in reader.elements if tag == "section"]) == len(TEXT)


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_part_is_named_and_the_rest_is_shown(whole: Run, tmp_path: Path, part: str) -> None:
    shutil.copytree(whole.path, tmp_path / "run")
    (tmp_path / "run" / part).write_text('{"torn": \n\n')
    _, reader = read(Run(tmp_path / "run"))
    assert Path(part).stem in reader.text
    assert reader.find(class_="missing")


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "<img src=x onerror=alert(1)>")
    with (run.path / "samples.jsonl").open("a") as file:
        file.write(json.dumps({"step": 999, "prompt": HOSTILE, "text": HOSTILE}) + "\n")
    run.update(command=["glassworks", HOSTILE.encode("utf-8", "replace").decode()])
    held_out = json.loads(run.eval_path("held_out").read_text())
    held_out["baselines"].append({"name": HOSTILE, "note": HOSTILE, "bits_per_byte": 9.0, "nats_per_token": 6.0})
    run.eval_path("held_out").write_text(json.dumps(held_out | {"verdict": HOSTILE}))
    _, reader = read(run)
    tags = [tag for tag, _ in reader.elements]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert not [name for _, attrs in reader.elements for name in attrs if name.startswith("on")]
    assert "</script><script>alert(1)</script><!-- <b onload=x>" in reader.text


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -1.0])
def test_numbers_that_are_not_finite_do_not_break_the_page(tmp_path: Path, value: float) -> None:
    run = make_run(tmp_path / "run", steps=0)
    for step in (1, 2, 3):
        run.append("metrics", {"step": step, "loss": value, "grad_norm": value, "tokens_per_s": value, "seconds": 1.0})
    for method in ("attention", "surprise", "health", "logit_lens"):
        trace = Trace.load(run.path / "traces" / method)
        arrays = {k: np.full_like(x, value) if x.dtype.kind == "f" else x for k, x in trace.arrays.items()}
        Trace(method, arrays, trace.axes, trace.labels, trace.meta).save(run.path / "traces" / method)
    page, _ = read(run)
    assert not re.search(r'(?:d|x\d?|y\d?|cx|cy|viewBox|style)="[^"]*(?:nan|inf)', page)


def test_one_step_and_one_layer_and_one_head_are_enough(tmp_path: Path) -> None:
    _, reader = read(make_run(tmp_path / "run", layers=1, heads=1, length=2, steps=1))
    assert not reader.find(class_="missing")


def test_a_large_network_and_a_long_run_stay_below_three_megabytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", layers=16, heads=16, length=60, steps=0)
    rows = [{"step": i, "loss": math.sin(i), "tokens_per_s": math.cos(i), "seconds": 1.0} for i in range(20_000)]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page, reader = read(run)
    assert len(page.encode()) < 3_000_000
    assert "12 of 16 layers, 12 of 16 heads and 32 of 60 tokens" in reader.text
