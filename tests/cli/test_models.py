"""Models from elsewhere, as a user opens them: a folder in the Hugging Face layout, and a GGUF file."""

import json
import shutil
from pathlib import Path

import gguf
import pytest
import torch

from glassworks.cli.main import run
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.data.tokenizers.codec import BYTE_OF
from glassworks.models.gpt.config import Architecture, GPTConfig
from glassworks.models.gpt.gguf import BLOCK, OUTER
from glassworks.models.gpt.layout import to_layout
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, save_model
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import pretrain, start

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant{{ '\n' }}"
)
SHAPE = GPTConfig("llama", 259, 64, 2, 2, 32, n_inner=64, tied=True)


def gguf_file(path: Path) -> Path:
    """A small random llama whose tokens are bytes, with a chat template."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(SHAPE.n_ctx)
    writer.add_block_count(SHAPE.n_layer)
    writer.add_embedding_length(SHAPE.n_embd)
    writer.add_head_count(SHAPE.n_head)
    writer.add_feed_forward_length(SHAPE.width_of_mlp)
    writer.add_layer_norm_rms_eps(SHAPE.eps)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*sorted(BYTE_OF, key=BYTE_OF.__getitem__), *SPECIAL])
    writer.add_token_types([1] * 256 + [3] * 3)
    writer.add_token_merges([])
    writer.add_eos_token_id(258)
    writer.add_chat_template(TEMPLATE)
    names = {theirs: ours for ours, theirs in (BLOCK | OUTER).items()}
    generator = torch.Generator().manual_seed(3)
    for name, tensor in to_layout(GPT(SHAPE)).items():
        stem, part = name.removeprefix("model.").rsplit(".", 1)
        layer, inside = stem.split(".", 2)[1:] if stem.startswith("layers.") else ("", stem)
        their = f"blk.{layer}.{names[inside]}.{part}" if layer else f"{names[stem]}.{part}"
        writer.add_tensor(their, (tensor + 0.3 * torch.randn(tensor.shape, generator=generator)).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file, the same model as a folder, and a text."""
    folder = tmp_path_factory.mktemp("models")
    model = load_model(gguf_file(folder / "small.gguf"))
    load_tokenizer(folder / "small.gguf").save(folder / "tokenizer.json")
    save_model(model, folder / "folder", folder / "tokenizer.json")
    (folder / "text.txt").write_text("\n\n".join(["An ant met a bee. The bee met a cat."] * 400), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(list(words)) == 0
    return capsys.readouterr().out


def test_a_file_and_the_folder_made_of_it_write_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--prompt", "An ant", "--max-tokens", "20", "--temperature", "0")
    text = said(capsys, "sample", "small.gguf", *words)
    assert text.startswith("An ant")
    assert text == said(capsys, "sample", "folder", *words)


def test_a_chat_prints_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    model, tokenizer = load_model("small.gguf"), load_tokenizer(Path("small.gguf"))
    ids = [257, *tokenizer.encode("user\nAn ant?"), 258, 10, 257, *tokenizer.encode("assistant\n")]
    answer = []
    for _ in range(5):
        answer.append(int(model(torch.tensor([[*ids, *answer]]))[0, -1].argmax()))
    options = ("--max-tokens", "5", "--temperature", "0")
    text = said(capsys, "sample", "small.gguf", "--chat", "--prompt", "An ant?", *options)
    assert text == tokenizer.decode(answer[: answer.index(258)] if 258 in answer else answer) + "\n"
    assert run(["sample", "folder", "--chat", "--prompt", "An ant?"]) == 2
    assert "--chat: folder has no chat template" in capsys.readouterr().err
    shutil.copytree("folder", "taught")
    Path("taught/chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    assert said(capsys, "sample", "taught", "--chat", "--prompt", "An ant?", *options) == text


def test_any_model_is_measured_on_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "eval", "small.gguf", "--data", "text.txt", "--n-ctx", "32")
    assert "bits/byte" in line
    assert "perplexity" in line
    assert line.split(" (")[0] == said(capsys, "eval", "folder", "--data", "text.txt", "--n-ctx", "32").split(" (")[0]
    model, tokenizer = load_model("folder"), load_tokenizer(Path("folder"))
    Path("short.txt").write_text("An ant met a bee.", encoding="utf-8")
    ids = torch.tensor([[tokenizer.eot, *tokenizer.encode("An ant met a bee.")]])
    nats = torch.nn.functional.cross_entropy(model(ids)[0, :-1], ids[0, 1:]).item()
    line = said(capsys, "eval", "folder", "--data", "short.txt")
    assert line.startswith(f"{nats:.4f} nats/token")
    assert f"perplexity {torch.tensor(nats).exp():.2f} in windows of 64" in line


def test_a_tokenizer_that_loses_text_gets_no_bits_per_byte(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("folder", "lossy")
    file = Path("lossy/tokenizer.json")
    values = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**values, "normalizer": {"type": "Lowercase"}}), encoding="utf-8")
    Path("lossy/checksums.json").unlink()
    line = said(capsys, "eval", "lossy", "--data", "text.txt", "--n-ctx", "32")
    assert "no bits/byte: the tokenizer loses" in line


def test_training_goes_on_from_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    before = said(capsys, "eval", "small.gguf", "--data", "text.txt", "--n-ctx", "32")
    steps = ("--steps", "12", "--batch-size", "4", "--model.n-ctx", "32", "--optimizer.name", "adamw")
    words = ("--data", "text.txt", "--held-out", "0.2", *steps, "--optimizer.lr", "0.003")
    said(capsys, "train", "--start-from", "small.gguf", "--name", "tuned", *words)
    record = json.loads(Path("runs/tuned/run.json").read_text(encoding="utf-8"))
    assert (record["parent"], record["parent_step"]) == (str(Path("small.gguf").resolve()), None)
    page, score = (
        Path("runs/tuned/report.html").read_text("utf-8"),
        json.loads(Path("runs/tuned/evals/held_out.json").read_text("utf-8")),
    )
    assert "It started from small.gguf. It was trained on" in page
    assert "Fine-tuned from small.gguf. The network" in page
    was = next(row for row in score["baselines"] if row["name"] == "small.gguf")
    assert score["nats_per_token"] < was["nats_per_token"] - 0.3
    assert f"small.gguf ({was['bits_per_byte']:.4f})" in score["verdict"]
    assert record["recipe"]["model"]["architecture"] == "llama"
    tuned = load_model("runs/tuned/model")
    assert (tuned.config.n_ctx, tuned.config.vocab_size, tuned.config.n_inner) == (32, 259, 64)
    assert load_tokenizer(Path("runs/tuned/model")).ends == {258}
    after = said(capsys, "eval", "runs/tuned/model", "--data", "text.txt")
    assert float(after.split()[0]) < float(before.split()[0]) - 0.3
    again = start(Path("runs/again"), Recipe(data="text.txt", start_from="tuned", batch_size=2, steps=1), [])
    assert (again.record["parent"], again.record["parent_step"]) == (str(Path("runs/tuned").resolve()), 12)
    tuned, again = (line.rstrip() for line in said(capsys, "runs").splitlines()[-2:])
    assert tuned.endswith("  small.gguf")
    assert again.endswith("  tuned, step 12")


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_first_step_of_going_on_is_of_the_model_s_own_weights(architecture: Architecture) -> None:
    model, folder = GPT(GPTConfig(architecture, 259, 48, 1, 2, 16)), Path(f"base-{architecture}")
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape), alpha=0.1)
    save_model(model, folder, Path("tokenizer.json"))
    shape = GPTConfig(n_ctx=32)
    recipe = Recipe(data="text.txt", start_from=str(folder), model=shape, batch_size=1, steps=1, held_out=0.2)
    assert pretrain(start(Path(f"runs/{architecture}"), recipe, []))
    tuned = load_model(f"runs/{architecture}/model").state_dict()
    for name, weight in model.state_dict().items():
        change = tuned[name] - (weight[:32] if name == "position.weight" else weight)
        assert change.abs().max() < 2e-4, name
    assert any(not torch.equal(tuned[name], weight) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("model", ["small.gguf", "folder"])
def test_a_model_is_looked_into(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "look", model, "--method", "logit_lens", "--text", "An ant met a bee.", "--out", "look.html")
    assert "llama" in Path("look.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval", "small.gguf"], "without a text of its own to hold out: give one by --data"),
        (["eval", "small.gguf", "--data", "text.txt", "--n-ctx", "65"], "from 1 to the model's context"),
        (["eval", "small.gguf", "--data", "nowhere.txt"], "nowhere.txt"),
        (["eval", "folder", "--n-ctx", "8"], "go with --data"),
        (["sample", "broken.gguf"], "broken.gguf is no GGUF file"),
        (["look", "broken.gguf"], "broken.gguf is no GGUF file"),
        (["train", "--start-from", "nowhere", "--data", "text.txt"], "nowhere"),
        (["train", "--start-from", "folder", "--tokenizer", "bytes", "--data", "text.txt"], "training starts from"),
        (["train", "--start-from", "folder", "--model.n-layer", "3", "--data", "text.txt"], "training starts from"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.gguf").write_bytes(b"nothing of the kind")
    assert run(words) == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert len([line for line in error.splitlines() if not line.startswith(("reading", "measuring"))]) == 1
