"""Each command, as a user types it: on a tiny run, and on everything that can go wrong."""

import csv
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from glassworks import __version__
from glassworks.cli.main import COMMANDS, run
from glassworks.core.runs import Run
from glassworks.reproductions import REPRODUCTIONS

TINY = ["--tokenizer", "bytes", "--batch-size", "4", "--steps", "12", "--eval-every", "6"]
SHAPE = ["--model.n-ctx", "16", "--model.n-layer", "1", "--model.n-head", "2", "--model.n-embd", "32"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a recipe, a finished run named `a`, and one named `b` of the recipe and flags over it."""
    folder = tmp_path_factory.mktemp("home")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=30_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    (folder / "tiny.toml").write_text('data = "text.txt"\ntokenizer = "bytes"\nsteps = 8\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "--data", "text.txt", "--name", "a", *TINY, *SHAPE]) == 0
        assert run(["train", "tiny.toml", "--steps", "5", "--batch-size", "2", "--name", "b", *SHAPE]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def test_training_leaves_everything_the_design_names(home: Path) -> None:
    folder = home / "runs" / "a"
    assert {"run.json", "model", "checkpoints", "metrics.jsonl", "samples.jsonl", "evals", "traces", "report.html"} <= {
        path.name for path in folder.iterdir()
    }
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["command"][0] == "glassworks"
    assert record["result"]["step"] == 12
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all("val_nats_per_token" in row for row in metrics if row["step"] in (6, 12))
    assert any(key.startswith("update_ratio/") for key in metrics[-1])


def test_a_recipe_and_flags_over_it() -> None:
    record = json.loads(Path("runs/b/run.json").read_text(encoding="utf-8"))
    assert record["plan"]["steps"] == 5
    assert record["recipe"]["tokenizer"] == "bytes"


def test_a_tool_for_metrics_is_asked_for_before_training_and_told_every_row(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "--data", "text.txt", "--name", "logged", "--log", "trackio", *TINY, *SHAPE]
    monkeypatch.setitem(sys.modules, "trackio", None)
    assert run(words) == 2
    assert re.search(r"--log \(=trackio\) needs the package trackio: .*pip install trackio", capsys.readouterr().err)
    assert not Path("runs/logged").exists()
    rows = list[tuple[int, dict[str, float]]]()
    tool = types.ModuleType("trackio")
    tool.__spec__ = ModuleSpec("trackio", None, origin="here")
    vars(tool).update(
        init=lambda **_: None, log=lambda numbers, step: rows.append((step, numbers)), finish=lambda: None
    )
    monkeypatch.setitem(sys.modules, "trackio", tool)
    assert run(words) == 0
    assert [step for step, _ in rows] == [row["step"] for row in Run(Path("runs/logged")).rows("metrics")]
    assert "val_nats_per_token" in rows[-1][1]
    assert Run(Path("runs/logged")).record["log"] == "trackio"  # so that it goes on there when it is resumed


def test_a_flag_that_says_how_long_goes_over_the_recipes_other_way_to_say_it(home: Path) -> None:
    (home / "long.toml").write_text('data = "text.txt"\ntokenizer = "bytes"\nminutes = 90\n', encoding="utf-8")
    assert run(["train", "long.toml", "--steps", "2", "--name", "of-steps", "--batch-size", "2", *SHAPE]) == 0
    assert run(["train", "tiny.toml", "--minutes", "0.001", "--name", "of-minutes", "--batch-size", "2", *SHAPE]) == 0
    steps, minutes = (
        json.loads((home / "runs" / name / "run.json").read_text(encoding="utf-8"))
        for name in ("of-steps", "of-minutes")
    )
    assert (steps["plan"]["steps"], steps["recipe"]["steps"], steps["recipe"]["minutes"]) == (2, 2, None)
    assert minutes["recipe"]["minutes"] == 0.001
    assert minutes["recipe"]["steps"] == minutes["plan"]["steps"] != 8  # what was planned, not what was left out


def test_a_finished_run_is_said_to_be_and_only_what_is_missing_is_made(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home / "runs", tmp_path / "runs")
    folder = tmp_path / "runs" / "a"

    def times() -> dict[str, int]:
        return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    def resumed() -> tuple[set[str], str, str]:
        """What was written by going on, and what was said."""
        before = times()
        assert run(["train", "--resume", str(folder)]) == 0
        return {name for name, time in times().items() if before.get(name) != time}, *capsys.readouterr()

    capsys.readouterr()
    written, out, err = resumed()
    assert (written, err) == (set(), "")
    assert out.startswith(f"{folder} is finished already, with all of its 12 steps\n")
    assert f"report:    {folder}/report.html\n" in out
    monkeypatch.setenv("RANK", "1")  # of several: the first one tells
    assert resumed() == (set(), "", "")
    monkeypatch.delenv("RANK")
    (folder / "report.html").unlink()
    written, out, err = resumed()
    assert written == {"report.html"}
    assert "what is missing is made: its report" in err
    (folder / "evals" / "held_out.json").unlink()
    assert resumed()[0] == {"evals/held_out.json", "report.html"}
    shutil.rmtree(folder / "model")  # killed before it was written
    written, _, err = resumed()
    assert {"model/model.safetensors", "evals/held_out.json", "traces/surprise.json", "report.html"} <= written
    assert "time left  told as it goes, with 0 evaluations;" in err
    assert (folder / "model/model.safetensors").read_bytes() == (home / "runs/a/model/model.safetensors").read_bytes()


def test_what_was_measured_on_the_way_is_measured_anew_at_the_end(home: Path) -> None:
    words = ["train", "--data", "text.txt", "--name", "on-the-way", *TINY, *SHAPE, "--checkpoint-every", "6"]
    assert run(words) == 0
    folder = home / "runs" / "on-the-way"
    whole = json.loads((folder / "evals" / "held_out.json").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "checkpoints" / "step_000012")
    assert run(["eval", "on-the-way"]) == 0  # of step 6
    assert run(["train", "--resume", "on-the-way"]) == 0
    assert json.loads((folder / "evals" / "held_out.json").read_text(encoding="utf-8"))["verdict"] == whole["verdict"]


def test_sample_writes_the_same_text_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        assert run(["sample", "a", "--prompt", "ant bee", "--max-tokens", "40", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("ant bee")


def test_sample_takes_a_model_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "runs/a/model", "--prompt", "cat", "--max-tokens", "5"]) == 0
    assert capsys.readouterr().out.startswith("cat")


def test_eval_prints_the_network_beside_every_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "a"]) == 0
    out = capsys.readouterr().out
    for name in ("network", "uniform", "unigram", "5-gram", "xz -9"):
        assert re.search(rf"^{name}\s+\d+\.\d+", out, re.M)
    result = json.loads(Path("runs/a/evals/held_out.json").read_text(encoding="utf-8"))
    assert f"{result['bits_per_byte']:.4f}" in out


def test_runs_lists_and_compares(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs"]) == 0
    assert re.search(r"^a\s+done\s+12/12", capsys.readouterr().out, re.M)
    assert run(["runs", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^batch_size\s+4\s+2", out, re.M)
    assert "n_layer" not in out


def test_runs_as_json_csv_and_a_page(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new folder" / "page.html"
    assert run(["runs", "a", "b", "--json", "--html", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    result = json.loads(Path("runs/a/evals/held_out.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in found] == ["a", "b"]
    assert found[0]["held_out"]["bits_per_byte"] == result["bits_per_byte"]
    assert found[0]["settings"]["model.n_layer"] == 1
    html = page.read_text(encoding="utf-8")
    for words in ("2 runs", "bits per byte", ">a<", ">b<", f"{result['bits_per_byte']:.3f}"):
        assert words in html
    assert "://" not in html.replace("http://www.w3.org", "")

    assert run(["runs", "a", "b", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    for name in ("a", "b"):
        lines = [
            json.loads(line) for line in Path(f"runs/{name}/metrics.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        mine = [row for row in rows if row["run"] == name]
        assert [float(row["loss"]) for row in mine] == [line["loss"] for line in lines]
    assert run(["runs", "--json", "--root", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_training_says_what_it_trains_on_and_how_it_goes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--data", "text.txt", "--name", "told", *TINY, *SHAPE, "--tokenizer", "bpe:600"]
    assert run(words) == 0
    err = capsys.readouterr().err
    corpus = json.loads(Path("runs/told/run.json").read_text(encoding="utf-8"))["corpus"]
    numbers = {split: (corpus[f"{split}_documents"], corpus[f"{split}_tokens"]) for split in ("train", "held_out")}
    own = {split: (documents, tokens - documents) for split, (documents, tokens) in numbers.items()}
    samples = [json.loads(line) for line in Path("runs/told/samples.jsonl").read_text(encoding="utf-8").splitlines()]
    metrics = [json.loads(line) for line in Path("runs/told/metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for said in (
        f"train on   {own['train'][0]} documents, {own['train'][1]:,} tokens",
        f"held out   {own['held_out'][0]} documents, {own['held_out'][1]:,} tokens: ",
        "; 600 were asked for, but with these each word of the text is one token",
        "1 layer of width 32, 2 heads, a context of 16 tokens",
        "cpu, float32, not compiled, 1 thread",
        "12 steps of 4 × 16 tokens: 768 in all",
        f"step 6: held out {metrics[5]['val_nats_per_token']:.4f} nats/token",
        "step 12: after “",
        "train 12/12",
        "measuring it",
    ):
        assert said in err, said
    assert samples
    assert all(character == "\n" or character.isprintable() for character in err)

    assert run([*words[:3], "--name", "quiet", "--quiet", *words[5:]]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "report:    runs/quiet/report.html" in out


def test_advice_on_a_name_with_spaces_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "text.txt", "--name", "my run", *TINY, *SHAPE]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "write:     glassworks sample 'runs/my run'"
    assert run([*shlex.split(line)[2:], "--max-tokens", "1"]) == 0


def test_a_recipe_of_ours_is_found_by_its_name_from_any_folder(tmp_path: Path) -> None:
    text = Path("text.txt").resolve()
    for i, name in enumerate(("shakespeare-char", "recipes/shakespeare-char.toml")):
        words = ["train", name, "--data", str(text), "--name", str(tmp_path / str(i)), *SHAPE, "--steps", "2"]
        assert run(words) == 0
        record = json.loads((tmp_path / str(i) / "run.json").read_text(encoding="utf-8"))
        assert record["recipe"]["optimizer"]["lr"] == 0.03


def test_all_files_of_a_run_have_the_same_permissions(home: Path) -> None:
    """Those that safetensors' library makes, too: it makes them for the owner alone."""
    modes = {path.stat().st_mode & 0o777 for path in (home / "runs" / "a").rglob("*") if path.is_file()}
    assert len(modes) == 1


def test_a_tokenizer_that_would_be_lost_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokenizer", "bpe:300", "--data", "text.txt"]) == 0
    assert "--out tokenizer.json keeps it" in capsys.readouterr().err


def test_report_draws_the_text_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "a", "--text", "dog eel dog"]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.name == "report.html"
    labels = json.loads(Path("runs/a/traces/attention.json").read_text(encoding="utf-8"))["labels"]["key"]
    assert "".join(labels[1:]) == "dog eel dog"
    assert run(["report", "a", "--text", "dog " * 20]) == 0
    assert "the text's end is left out, 65 tokens: the page draws no more" in capsys.readouterr().err


def test_tokenizer_trains_shows_and_saves(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "tokenizer.json"
    assert run(["tokenizer", "bpe:300", "--data", "text.txt", "--out", str(out), "--text", "ant bee"]) == 0
    first = capsys.readouterr().out
    assert "tokens for 7 bytes" in first
    assert run(["tokenizer", str(out), "--text", "ant bee"]) == 0
    assert first.splitlines()[-2] == capsys.readouterr().out.splitlines()[-1]


def test_a_runs_tokenizer_is_that_of_its_model_or_before_there_is_one_of_its_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["tokenizer", "a", "--text", "ant bee"]) == 0
    of_model = capsys.readouterr().out
    shutil.copytree("runs/a", "runs/killed", ignore=shutil.ignore_patterns("model"))
    assert run(["tokenizer", "killed", "--text", "ant bee"]) == 0
    assert capsys.readouterr().out == of_model
    shutil.rmtree("runs/killed")


# ----------------------------------------------------------------------------------------------------------------------
# What can go wrong: one clear line, exit code 2, no traceback


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "there is no command 'trian': did you mean train?"),
        (["train", "no.toml"], "there is no recipe no.toml: give a .toml file, or the name of one of ours"),
        (["train", "shakespere-char"], "there is no recipe shakespere-char: did you mean shakespeare-char?"),
        (["train", "."], ". is a folder, no recipe: to train on what is in it, say --data ."),
        (["train", "--data", "missing.txt"], "--data (='missing.txt') cannot be read: there is no"),
        (["train", "--data", "text.txt", "--held-out", "missing.txt"], "--held-out (='missing.txt') cannot be read"),
        (["train", "--data", "empty.txt", *TINY], "--data (='empty.txt') holds no text"),
        (["train", "--data", "binary.txt", *TINY], "binary.txt"),
        (["train", "--data", "text.txt", "--model.n-ctx", "1000000", *TINY], "more text or a smaller --model.n-ctx"),
        (["train", "--data", "text.txt", "--name", "a", *TINY], "--name, or open its report, runs/a/report.html"),
        (["train", "--data", "text.txt", "--model.vocab-size", "50", *TINY], "--model.vocab-size (=50) is not the"),
        (["train", "--data", "short.txt", *TINY], "to hold out by --held-out FILE, or its last share by --split tail"),
        (["train", "--tokenizer", "gpt2", "--data", "text.txt"], "--tokenizer (=gpt2) must say where GPT-2's encoder"),
        (["train", "--steps", "5", "--minutes", "1"], "--steps (=5) and --minutes (=1.0) both say how long to train"),
        (["train", "both.toml"], "both.toml: steps and minutes both say how long to train: leave one out"),
        (["train", "--resume", "nope"], "is not a run"),
        (["train", "--resume"], "--resume needs a value"),
        (["train", "--steps", "5", "tiny.toml"], "must come first"),
        (["train", "tiny.toml", "--resume", "a"], "leave out the recipe and all other flags"),
        (["train", "--data", "text.txt", "--seed", "-1", *TINY], "--seed (=-1) must be at least 0"),
        (["train", "--resume", "a", "--steps", "5"], "leave out the recipe and all other flags"),
        (["train", "wrong.toml"], "there is no model.n_layers: did you mean model.n_layer?"),
        (["train", "--model.n-embd", "33"], "--model.n-embd (=33) must be divisible by --model.n-head (=4)"),
        (["train", "--batch-size", "5", "--accumulate", "2"], "must be a multiple of --accumulate (=2)"),
        (["train", "--steps", "five"], "--steps (='five') must be a whole number"),
        (
            ["train", "--held_out=text.txt", "--split=tail"],
            "--held-out (='text.txt') must be a fraction for --split (=tail)",
        ),
        (["train", "--precision", "half"], "--precision (='half') must be one of 'auto', 'float32', 'bfloat16'"),
        (["train", "--log", "x"], "--log (='x') must be one of 'tensorboard', 'trackio', 'wandb'\n"),
        (["train", "--optimizer.betas", "1"], "--optimizer.betas needs 2 values"),
        (["optimizers", "snse"], "there is no optimizer 'snse': did you mean snes?"),
        (["train", "--schedule.decay", "2"], "--schedule.decay (=2.0) is a share"),
        (["train", "--tokenizer", "7"], "--tokenizer (=7) must be bytes, chars, bpe:<vocab_size>"),
        (["train", "--data", ""], "--data (='') is empty"),
        (["train", "--tokenizer", "bpe:12"], "--tokenizer (=bpe:12) must have at least 257 tokens"),
        (["train", "--tokenizer", f"bpe:{'9' * 5000}"], " must have at most 1,048,576 tokens"),
        (["train", "--seed", "9" * 5000], "--seed (="),
        (["train", "--tokenizer", ""], "--tokenizer (=) must be bytes, chars"),
        (["train", "--stpes", "5"], "there is no flag --stpes: did you mean --steps?"),
        (["train", "--n-embd", "5"], "there is no flag --n-embd: did you mean --model.n-embd?"),
        (["train", "--xyzzy"], "there is no flag --xyzzy: glassworks train --help lists them"),
        (["train", "--name", "text.txt/a"], "text.txt/a/report.html: Not a directory; choose another name"),
        (["sample", "nope"], "is not a run"),
        (["sample"], "RUN_OR_FOLDER is missing: a run, a folder in the Hugging Face layout, or a GGUF file"),
        (["sample", "a", "b"], "'b' is one word too many"),
        (["sample", "a", "--temperature", "-1"], "--temperature (=-1.0)"),
        (["sample", "a", "--top-p", "2"], "--top-p (=2.0)"),
        (["eval", "nope"], "is not a run"),
        (["tokenizer", "bpe", "--data", "text.txt"], "TOKENIZER (=bpe)"),
        (["tokenizer", "nope.json"], "TOKENIZER (=nope.json)"),
        (["tokenizer", "gpt2"], "TOKENIZER (=gpt2) must say where GPT-2's encoder.json and vocab.bpe are"),
        (["tokenizer", "bytes", "--out", "."], ".: Is a directory"),
        (["tokenizer", "bytes", "--out", "text.txt/t.json"], "text.txt/t.json: Not a directory"),
        (["report", "nope"], "is not a run"),
        (["look"], "there is no model to look into: glassworks look RUN_OR_FOLDER"),
        (["look", "a", "--out", "/dev/null"], "/dev/null is not a file"),
        (["look", "a", "--metod", "health"], "there is no flag --metod: did you mean --method?"),
        (["micro"], "micro needs a part: give one of demo, graph, step"),
        (["micro", "grph"], "there is no micro 'grph': did you mean graph?"),
        (["micro", "graph", "--out", "text.txt/a.svg"], "text.txt/a.svg: Not a directory"),
        (["micro", "step", "--html", "."], ".: Is a directory"),
        (["micro", "demo", "--out", "text.txt"], "text.txt/moons.svg: Not a directory"),
        (["runs", "a", "--html", "text.txt/page.html"], "text.txt/page.html: Not a directory"),
    ],
)
def test_a_mistake_gets_one_clear_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.txt").write_text("", encoding="utf-8")
    Path("binary.txt").write_bytes(b"\x00\x01\xff" * 100)
    Path("short.txt").write_text("one line", encoding="utf-8")
    Path("both.toml").write_text('data = "text.txt"\nsteps = 5\nminutes = 1\n', encoding="utf-8")
    Path("wrong.toml").write_text("[model]\nn_layers = 3\n", encoding="utf-8")
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert err.startswith("glassworks: ")
    assert len(err.splitlines()) == 1
    assert message in err
    assert out == ""


@pytest.mark.parametrize("damage", ["flip", "truncate"])
@pytest.mark.parametrize(
    "name", ["model/model.safetensors", "model/config.json", "run.json", ".tokens/train", ".tokens/tokenizer.json"]
)
def test_a_damaged_file_gets_one_clear_line(
    home: Path, tmp_path: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(home / "runs", tmp_path / "runs")
    if name.startswith(".tokens/"):
        stem = name.removeprefix(".tokens/")
        record = json.loads((tmp_path / "runs/a/run.json").read_text(encoding="utf-8"))
        corpus = tmp_path / "runs/a" / record["corpus"]["path"]
        path = next(p for p in sorted(corpus.iterdir()) if p.name.startswith(stem) and p.suffix in (".npy", ".json"))
    else:
        path = tmp_path / "runs/a" / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        place = content.index(b'"device"') + 2 if name == "run.json" else len(content) // 2
        content[place] ^= 1
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    command = ["sample", "--max-tokens", "2"] if "model" in name else ["train", "--resume"]
    if ".tokens" in name:  # the shards are read when there is something left to train
        shutil.rmtree(tmp_path / "runs/a/checkpoints")
        shutil.rmtree(tmp_path / "runs/a/model")
    code = run(
        [command[0], str(tmp_path / "runs/a"), *command[1:]]
        if command[0] == "sample"
        else [*command, str(tmp_path / "runs/a")]
    )
    err = capsys.readouterr().err.strip()
    last = err.splitlines()[-1]
    assert code == 2, err
    assert last.startswith("glassworks: ")
    assert path.name in last
    assert "Traceback" not in err


def test_a_folder_one_may_not_write_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")  # a file where a folder must go: also root cannot write there
    assert run(["train", "--data", "text.txt", "--name", str(tmp_path / "file" / "a"), *TINY]) == 2
    assert "file" in capsys.readouterr().err


def test_a_full_disk_loses_nothing_and_the_run_goes_on(home: Path) -> None:
    # A limit on the size of files stands in for the disk: the same kind of error from the same call.
    train = ["train", "--data", "text.txt", "--name", "full", *TINY, *SHAPE, "--checkpoint-every", "1"]
    assert run(train) == 0
    model = home / "runs" / "full" / "model" / "model.safetensors"
    expected = model.read_bytes()
    shutil.rmtree(model.parent)
    shutil.rmtree(home / "runs" / "full" / "checkpoints" / "step_000012")

    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(expected) // 2},) * 2); "
    code = limit + "import sys; from glassworks.cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--resume", "full"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr.splitlines()[-1]
    assert [path.name for path in (home / "runs/full/checkpoints").iterdir()] == ["step_000011"]
    assert run(["train", "--resume", "full"]) == 0
    assert model.read_bytes() == expected


def test_runs_lists_what_it_can_read(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(tmp_path / "by-hand", seed=1)  # by `fit(..., run=run)`, without a plan
    (Run.create(tmp_path / "broken").path / "run.json").write_text("{", encoding="utf-8")
    Run.create(tmp_path / "revised", plan={"steps": 3}, revisions=[3])
    assert run(["runs", "--root", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^by-hand\s+done", out, re.M)
    assert re.search(r"^broken\s+damaged", out, re.M)
    assert re.search(r"^revised\s+damaged$", out, re.M)
    assert re.search(r"^revised: .*run\.json: revisions\[0\] \(=3\) must be an object", out, re.M)
    (tmp_path / "file").touch()
    assert run(["runs", "--root", str(tmp_path / "file")]) == 2
    said = f"glassworks: --root (={tmp_path / 'file'}) is not a folder: give the one that holds runs\n"
    assert capsys.readouterr().err == said


def test_a_moved_run_still_writes(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "runs" / "a", tmp_path / "a")
    assert run(["sample", str(tmp_path / "a"), "--max-tokens", "2"]) == 0


def test_running_out_of_memory_is_told_with_what_needs_less(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    import glassworks.cli.runs as command

    monkeypatch.setattr(command, "run", lambda arguments: torch.empty(2**50))
    assert run(["runs"]) == 2
    assert capsys.readouterr().err == "glassworks: out of memory: a smaller model, or less text, needs less\n"


@pytest.mark.parametrize("bug", ["json.loads('{')", "int('x')", "list(zip('a', '', strict=True))"])
def test_a_bug_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    import glassworks.cli.runs as command

    code = compile(bug, command.__file__, "eval")  # as if it stood there
    monkeypatch.setattr(command, "run", lambda arguments: eval(code))
    with pytest.raises(ValueError, match=r"property name|invalid literal|shorter"):
        run(["runs"])


# ----------------------------------------------------------------------------------------------------------------------
# The program itself


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = "import sys; from glassworks.cli.main import run; run(['--help']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(name in out for name in COMMANDS)
    for heavy in ("'torch'", "'numpy'", "'tyro'", "'rich'"):
        assert heavy not in out


HEAVY = {"torch", "numpy", "pyarrow", "tokenizers", "numba"}


def test_no_commands_help_imports_what_computes() -> None:
    several = [*([name] for name in COMMANDS), *(["reproduce", name] for name in REPRODUCTIONS)]
    code = (
        "import sys; from glassworks.cli.main import run\n"
        f"for words in {several}:\n"
        "    try: run([*words, '--help'])\n"
        "    except SystemExit as stopped: assert not stopped.code\n"
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    imported = set(out.splitlines()[-1].split())
    assert {f"glassworks.cli.{name}" for name in COMMANDS} <= imported
    assert not imported & HEAVY


def test_configurations_import_nothing_that_computes() -> None:
    configurations = ["models.gpt.config", "optim.config", "train.training", "pretraining.recipe", "core.kinds"]
    configurations += ["models.vision.config", "models.vision.layout", "classify.recipe", "data.labelled.kinds"]
    configurations += ["reproductions.othello.recipe"]
    code = f"import sys; {'; '.join(f'import glassworks.{name}' for name in configurations)}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(out.split()) & HEAVY


def test_what_can_be_known_without_torch_is_said_before_it_is_loaded(home: Path) -> None:
    """It takes seconds to load, more on a busy machine."""
    several = [
        ["train", "--data", "missing.txt"],
        ["train", "--data", "text.txt", "--tokenizer", "gpt3"],
        ["train", "--data", "text.txt", "--held-out", "missing.txt"],
        ["train", "--data", "text.txt", "--name", "a"],
        ["train", "--data", "text.txt", "--start-from", "nope"],
        ["train", "--data", "text.txt", "--start-from", "a", "--tokenizer", "bytes"],
        ["train", "--batch-size", "5", "--accumulate", "2"],
        ["train", "--resume", "nope"],
        *([command, "nope"] for command in ("sample", "eval", "look", "report", "export")),
        ["predict", "nope", "a.png"],
        ["eval", "nope", "--data", "text.txt"],
        ["train", "--resume", "a"],
    ]
    code = (
        "import sys; from glassworks.cli.main import run; print([run(words) for words in {}], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code.format(several)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{[2] * 15 + [0]} False", done.stderr


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([flag]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run([name, "--help"])
    assert stopped.value.code == 0
    assert f"glassworks {name}" in capsys.readouterr().out


def test_ctrl_c_stops_at_a_checkpoint_and_the_run_goes_on(home: Path) -> None:
    import signal
    import time

    command = [sys.executable, "-m", "glassworks", "train", "--data", "text.txt", "--name", "c", *TINY, *SHAPE]
    child = subprocess.Popen([*command, "--steps", "100000"], cwd=home, stderr=subprocess.PIPE, text=True)
    while not (home / "runs/c/metrics.jsonl").exists():
        assert child.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "glassworks train --resume runs/c" in err
    assert "Traceback" not in err
    assert any((home / "runs/c/checkpoints").iterdir())
    assert run(["sample", "c", "--max-tokens", "2"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["sample", "a", "--prompt", "caf\udce9"],
        ["sample", "a", "--stop", "caf\udce9"],
        ["look", "a", "--text", "caf\udce9"],
        ["tokenizer", "bytes", "--text", "caf\udce9"],
        ["tokenizer", "chars", "--data", "caf\udce9"],
        ["micro", "graph", "caf\udce9"],
        ["train", "--data", "texts", "--name", "caf\udce9"],
        ["train", "--data", "caf\udce9", "--name", "z"],
        ["train", "--data", "texts", "--tokenizer", "caf\udce9", "--name", "z"],
    ],
    ids=" ".join,
)
def test_a_byte_that_is_no_utf8_in_an_argument_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path("runs").iterdir())
    assert run(words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    flag = words[words.index("caf\udce9") - 1]
    named = flag if flag.startswith("--") else ""  # micro's expression has no flag
    assert f"{named}[3] (='\\udce9') is a lone surrogate, no character (the byte 0xE9 is no UTF-8 there)" in error
    assert named != "--data" or error.endswith("rename the file, or give the folder that it lies in")
    assert sorted(Path("runs").iterdir()) == before


def test_files_whose_names_are_latin_1_are_trained_on_and_recorded(tmp_path: Path) -> None:
    for name, content in (("caf\udce9.txt", b"a cat and a dog. " * 90), ("b.txt", b"two " * 90), ("\udce8.txt", b"\0")):
        (tmp_path / name).write_bytes(content)
    recipe = tmp_path / "\udce9.toml"
    recipe.write_text(Path("tiny.toml").read_text(encoding="utf-8"), encoding="utf-8")
    words = ["train", str(recipe), "--data", str(tmp_path), "--skip-unreadable", "--held-out", "0.5", "--name", "latin"]
    assert run([*words, "--steps", "2", *SHAPE]) == 0
    record = json.loads(Path("runs/latin/run.json").read_text(encoding="utf-8"))
    assert record["command"][2].endswith("\\udce9.toml")
    assert [row["name"] for row in record["corpus"]["skipped"]] == ["\\udce8.txt"]
    assert run(["train", "--resume", "latin"]) == 0


def test_paths_of_any_bytes_are_printed_as_they_are(tmp_path: Path) -> None:
    words = f"['tokenizer', 'bytes', '--out', {str(tmp_path)!r} + '/\\udce9.json']"
    done = subprocess.run(
        [sys.executable, "-c", f"from glassworks.cli.main import main; main({words})"],
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(b"/\xe9.json")
