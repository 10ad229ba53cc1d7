"""`glassworks look`, as a user types it: pages, what lies where, and what can go wrong."""

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.core.errors import RunError
from glassworks.interpret.catalogue.methods import METHODS, WINGS
from glassworks.trace.trace import Trace

TINY = ["--tokenizer", "bytes", "--batch-size", "4", "--steps", "6", "--eval-every", "6"]
SHAPE = ["--model.n-ctx", "16", "--model.n-layer", "2", "--model.n-head", "2", "--model.n-embd", "16"]
FEW = ["--method", "surprise,logit-lens", "--method", "head_scores"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run named `a` and a stranger's model folder."""
    folder = tmp_path_factory.mktemp("home")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=20_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "--data", "text.txt", "--name", "a", *TINY, *SHAPE]) == 0
    shutil.copytree(folder / "runs/a/model", folder / "stranger")
    return folder


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def page(capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """The path that was printed, and what is there."""
    path = Path(capsys.readouterr().out.strip())
    return path, path.read_text(encoding="utf-8")


def test_a_first_look_at_a_run_draws_every_quick_method(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["look", "a"]) == 0
    path, html = page(capsys)
    assert path == Path("runs/a/look.html")
    quick = [name for name, method in METHODS.items() if method.quick and "text" in method.of]
    assert re.findall(r'<section id="(\w+)">', html) == sorted(
        quick, key=lambda name: list(WINGS).index(METHODS[name].wing)
    )
    assert "Not drawn:" not in html
    for name in quick:
        assert isinstance(Trace.load(home / "runs/a/traces" / name), Trace)
        assert METHODS[name].legend.control in html.replace("&#x27;", "'")
    assert "whose replacement turns the answer most" in html
    assert html.count("is no text: it stands between texts") == 1


def test_the_page_asks_no_other_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["look", "a", *FEW]) == 0
    _, html = page(capsys)
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest| src=|<link|<img", html)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src &#x27;none&#x27;" in html


def test_a_text_and_its_contrast_are_shown_and_shown_again_in_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--text", "dog <eel>", "--against", "dog <ant>"]
    assert run(["look", "a", "--method", "activation_patching", *options]) == 0
    _, html = page(capsys)
    assert "subject = open_subject(&#x27;a&#x27;, text=&#x27;dog &lt;eel&gt;&#x27;" in html
    assert re.findall(r"<mark>(.)</mark>", html) == ["a", "n", "t"]
    labels = Trace.load(Path("runs/a/traces/activation_patching")).labels["position"]
    assert "".join(labels[1:]) == "dog <eel>"


def test_a_strangers_folder_stays_as_it_was(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "stranger").rglob("*")}
    assert run(["look", "stranger", "--method", "logit_lens"]) == 0
    path, html = page(capsys)
    assert path == Path("look.html")
    assert "the model wrote it itself" in html
    assert run(["look", "stranger", "--method", "logit_lens"]) == 0
    assert "look.html is there already and will be replaced: --out writes another page" in capsys.readouterr().err
    assert run(["look", "stranger", "--method", "logit_lens", "--text", "dog", "--out", str(tmp_path / "b.html")]) == 0
    assert page(capsys)[0] == tmp_path / "b.html"
    assert {path: path.stat().st_mtime_ns for path in (home / "stranger").rglob("*")} == before


def test_a_text_that_is_too_long_says_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["look", "a", "--method", "attention", "--text", "dog " * 9]) == 0
    captured = capsys.readouterr()
    assert "Its end, 21 tokens, is left out of the drawings." in captured.err
    assert "Its end, 21 tokens, is left out" in Path(captured.out.strip()).read_text(encoding="utf-8")


def test_a_method_that_refuses_leaves_the_others_their_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from glassworks.interpret.catalogue import transformer

    def refuse(subject: object) -> None:
        raise RunError("model (n_inner=0) has no neurons")

    monkeypatch.setattr(transformer, "logit_lens", refuse)
    assert run(["look", "a", *FEW]) == 0
    _, html = page(capsys)
    assert "Not drawn: model (n_inner=0) has no neurons" in html
    assert run(["look", "a", "--method", "logit_lens"]) == 2
    assert "has no neurons" in capsys.readouterr().err


def test_the_list_names_every_method_with_its_control_and_loads_no_torch() -> None:
    code = "import sys; from glassworks.cli.main import run; run(['look', '--list']); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("False\n")
    told = " ".join(out.split())  # however it is folded
    assert "tuned_lens (slow: 2 minutes on the demo's model" in told
    assert "Times are processor time of one core" in told
    assert "rows of a table, all in a first look: loss_surface, along_step, covariate_shift" in told
    for name, method in METHODS.items():
        assert re.search(rf"^{name}\b", out, re.M)
        if "{" not in method.legend.question + method.legend.control:
            assert f"{method.legend.question} control: {method.legend.control}" in told
    assert "{" not in told


def test_what_belongs_beside_a_method_is_a_method_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["svcca", "mlp_probe", "rule_swap"]
    assert run(["look", "a", "--method", ",".join(names)]) == 0
    _, html = page(capsys)
    assert re.findall(r'<section id="(\w+)">', html) == names
    assert "Not drawn:" not in html
    found = {name: Trace.load(home / "runs/a/traces" / name) for name in names}
    assert found["svcca"].labels["row"][:2] == ["models", "with a random network"]
    assert {"linear", "MLP", "MLP, random network", "MLP, shuffled labels"} <= set(found["mlp_probe"].labels["row"])
    assert found["rule_swap"].labels["replacement"] == ["reference", "trees", "random trees", "mean ablation"]


def test_readings_have_a_control_drawn_beside_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["look", "a", "--method", "surprise,attention,health"]) == 0
    _, html = page(capsys)
    drawn = {name: Trace.load(home / "runs/a/traces" / name).arrays for name in ("surprise", "attention", "health")}
    assert {"nats_alone"} <= drawn["surprise"].keys()
    assert {"habit", "entropy"} <= drawn["attention"].keys()
    assert {"activation_rms_untrained", "dead_fraction_untrained"} <= drawn["health"].keys()
    for words in (
        "reading only the token before",
        "where heads look on average",
        "the same in an untrained network",
        "dashed: the same in an untrained network",
    ):
        assert words in html


def test_the_same_run_gives_the_same_page_but_for_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for _ in range(2):
        assert run(["look", "a", *FEW]) == 0
        pages.append(re.sub(r"From Python \([^)]*\)", "", page(capsys)[1]))
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no model to look into: glassworks look RUN_OR_FOLDER, or glassworks look --list"),
        (["nope"], "is not a run"),
        (["a", "--method", "logitlens"], "nearest: logit_lens"),
        (["a", "--text", "x"], "--text (='x') must have at least 2 tokens, not 1"),
        (["a", "--text", "dog", "--against", "do"], "--against (='do') must have as many tokens as the text, 3, not 2"),
        (["a", "--against", "do"], "--against (='do') needs a text to be contrasted with: give --text ... too"),
        (["a", "--data", "nope.txt"], "nope.txt"),
        (["a", "--method", "lens_divergence", "--data", "nope.txt"], "nope.txt"),
        (["bare"], "there is no tokenizer at"),
        (["empty"], "has no config.json"),
    ],
)
def test_a_mistake_gets_one_clear_line(
    home: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (home / "bare").exists():
        shutil.copytree(home / "stranger", home / "bare")
        for name in ("tokenizer.json", "tokenizer_config.json", "checksums.json"):
            (home / "bare" / name).unlink()
        (home / "empty").mkdir()
    assert run(["look", *words]) == 2
    err = capsys.readouterr().err
    assert message in " ".join(err.split())
    assert "Traceback" not in err
