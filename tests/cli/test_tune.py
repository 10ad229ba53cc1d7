"""`tune`, and what follows on a tuned run, as a user types them."""

from pathlib import Path

import pytest
from tests.tune.models import echoes, rows_file, small_base

from glassworks.cli.main import run
from glassworks.core.runs import Run


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    small_base(made)
    rows_file(made / "echoes.jsonl", echoes())
    return made


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def test_one_command_tunes_measures_looks_and_reports(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "base", "echoes.jsonl", "--steps", "8", "--name", "a"]) == 0
    out, err = capsys.readouterr()
    said = [line.strip() for line in err.splitlines()]
    for line in (
        "model      base, step 40",
        "examples   echoes.jsonl",
        "method     supervised fine-tuning: the likelihood of texts, completions or answers",
        "plan       8 steps of 8 examples: 64 in all",
    ):
        assert line in said
    assert out.startswith("On ")
    assert "On the text held out by base it" in out
    found = Run(home / "runs/a")
    assert found.is_trained
    assert found.unmade == []
    page = (home / "runs/a/report.html").read_text(encoding="utf-8")
    for title in ("What it gained, and what it forgot", "What it says", "forgotten: the text held out by base"):
        assert title in page
    assert run(["eval", "a"]) == 0
    assert "nats per token" in capsys.readouterr().out
    assert run(["sample", "a", "--prompt", "ant bee: ", "--max-tokens", "4"]) == 0
    assert run(["train", "--resume", "a"]) == 0
    assert "finished already" in capsys.readouterr().out
    (home / "other.txt").write_text("the bee and the cat", encoding="utf-8")
    assert run(["eval", "a", "--data", "other.txt"]) == 0
    assert "nats/token" in capsys.readouterr().out
    assert run(["report", "a", "--text", "ant bee"]) == 0
    assert run(["look", "a", "--method", "attention", "--out", "look.html"]) == 0
    assert run(["tune", "a", "echoes.jsonl", "--steps", "2", "--name", "b", "--quiet"]) == 0
    assert Run(home / "runs/b").record["parent"] == str(home / "runs/a")


def test_a_policy_learns_from_a_reward_on_sums_that_ship(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "tune",
        "base",
        "arithmetic",
        "--method",
        "grpo",
        "--reward",
        "length:3",
        "--name",
        "policy",
        "--steps",
        "4",
    ]
    assert run([*words, "--batch-size", "16", "--max-tokens", "4"]) == 0
    out, err = capsys.readouterr()
    assert "held-out examples it" in out
    assert "reward" in out
    assert "held-out reward" in err
    made = Run.open("policy")
    assert made.record["recipe"]["reward"] == "length:3"
    page = (made.path / "report.html").read_text(encoding="utf-8")
    assert "Over-optimisation" in page


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["tune"], "--start-from (='') must name the model to tune: a run, a model folder or a GGUF file"),
        (["tune", "base"], "--data (='') must name the examples to learn from: files of rows, or of text"),
        (["tune", "base", "echoes.jsonl", "--method", "sfd"], "--method (='sfd') is no way to tune: did you mean sft?"),
        (
            ["tune", "base", "echoes.jsonl", "--adapter", "lora", "--adapter.targets", "q_proj", "--quiet"],
            "--adapter.targets (='q_proj') is the end of no linear layer's name: there are qkv, proj, up, down, head",
        ),
        (
            ["tune", "base", "echoes.jsonl", "--general", "gone.txt"],
            "--general (='gone.txt') cannot be read:",
        ),
        (
            ["tune", "base", "arithmetic", "--method", "grpo"],
            "--reward (=None) must say what completions are worth to grpo",
        ),
        (
            ["tune", "base", "arithmetic", "--method", "grpo", "--reward", "lenght:3"],
            "--reward (='lenght:3') is no reward, no run with a reward model and no module:function: did you mean",
        ),
        (["tune", "base", "echoes.jsonl", "--group", "0"], "--group (=0) must be at least 1"),
        (["tune", "base", "gone.jsonl"], "gone.jsonl: No such file or directory"),
        (["tune", "nobody", "echoes.jsonl"], "nobody is not a run (no run.json in it)"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(words: list[str], refusal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"glassworks: {refusal}")
    assert err.count("\n") == 1
