"""What the Transformer page is told is what torch computes, in every architecture; edits change it."""

import math
import threading
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tests.interpret.networks import ARCHITECTURES, drawn
from torch import Tensor

from glassworks.core.errors import GlassworksError
from glassworks.core.runs import Run
from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.lens import logit_lens, untrained
from glassworks.interpret.transformer.saliency import saliency_of
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.pretraining.recipe import Recipe
from glassworks.studio import turns
from glassworks.studio.networks.passes import WINDOW
from glassworks.studio.networks.texts import open_at
from glassworks.studio.questions import transformer
from glassworks.studio.studio import Studio
from glassworks.train.checkpoint import save_checkpoint

TEXT = "a cat sat"


def studio_of(root: Path, architecture: str = "nanochat", **changes: Any) -> tuple[Studio, GPT]:
    """A studio over a folder that holds one model, "it", and that model."""
    model = drawn(architecture, 0.3, **{"vocab_size": 257, "n_ctx": 64, **changes}).eval()
    byte_tokenizer().save(root / "tokenizer.json")
    save_model(model, root / "it", root / "tokenizer.json")
    (root / "tokenizer.json").unlink()
    return Studio(root), model


def run_of(root: Path) -> tuple[Run, GPT]:
    """A finished run of text, "ants", with two checkpoints and a sample; and its model."""
    folder = root / "runs" / "ants"
    config = GPTConfig(vocab_size=257, n_ctx=16, n_layer=1, n_head=2, n_embd=16)
    folder.mkdir(parents=True)
    run = Run.create(folder, kind="text", recipe=asdict(Recipe(data="ants", model=config)), command=[])
    for step in (3, 6):
        model = drawn("nanochat", step / 10, vocab_size=257, n_ctx=16, n_layer=1, n_embd=16)
        save_checkpoint(run, step, {"model": model}, torch.optim.SGD(model.parameters()))
    byte_tokenizer().save(root / "tokenizer.json")
    save_model(model, folder / "model", root / "tokenizer.json")
    run.append("samples", {"step": 6, "prompt": "the ant", "text": " saw a bee"})
    return run, model.eval()


def ids(text: str = TEXT) -> Tensor:
    return torch.tensor([list(text.encode())])


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(torch.as_tensor(found), torch.as_tensor(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_logits_and_patterns_are_the_models(tmp_path: Path, architecture: str) -> None:
    studio, model = studio_of(tmp_path, architecture)
    found = transformer.forward(studio, "it", TEXT)
    with capture(model, "blocks.*.attn.pattern") as seen:
        logits = model(ids())[0]
    close(found["logits"], logits[-1])
    close(found["patterns"], torch.stack([seen[f"blocks.{i}.attn.pattern"][0] for i in range(2)]))
    assert found["listed"] == logits[-1].topk(50).indices.tolist()
    assert "".join(found["tokens"]) == TEXT
    close(transformer.forward(studio, "it", TEXT, position=3)["logits"], logits[3])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_each_station_follows_from_the_one_before_by_the_weights_that_are_sent(
    tmp_path: Path, architecture: str
) -> None:
    studio, model = studio_of(tmp_path, architecture)
    config, head, block = model.config, 1, 1
    found = transformer.block(studio, "it", TEXT, block)
    group = head // (config.n_head // config.kv_heads)

    def product(left: Tensor, name: str) -> Tensor:
        sent = transformer.matrix(studio, "it", name, block, head)
        return left @ sent["weight"] + (0 if sent["bias"] is None else sent["bias"])

    close(product(found["norm1"], "q"), found["raw_q"][:, head])
    close(product(found["norm1"], "k"), found["raw_k"][:, group])
    close(product(found["norm1"], "v"), found["v"][:, group])
    scores = found["q"][:, head] @ found["k"][:, group].t() / math.sqrt(config.width_of_head)
    future = torch.ones_like(scores, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -torch.inf).softmax(-1)
    close(transformer.forward(studio, "it", TEXT)["patterns"][block, head], weights)
    close(weights @ found["v"][:, group], found["z"][:, head])
    close(product(found["z"].flatten(1), "proj"), found["attn_out"])
    close(found["resid_pre"] + found["attn_out"], found["resid_mid"])
    close(product(found["norm2"], "up"), found["up"])
    hidden = {
        "gpt2": lambda: F.gelu(found["up"], approximate="tanh"),
        "nanochat": lambda: F.relu(found["up"]).square(),
    }.get(architecture, lambda: F.silu(product(found["norm2"], "gate")) * found["up"])()
    close(hidden, found["post"])
    close(product(found["post"], "down"), found["mlp_out"])
    close(found["resid_mid"] + found["mlp_out"], found["resid_post"])


@torch.no_grad()
def test_logits_come_of_the_last_stream_by_norm_matrix_and_cap(tmp_path: Path) -> None:
    studio, _ = studio_of(tmp_path, softcap=3.0)
    found = transformer.forward(studio, "it", TEXT)
    listed = found["listed"][:8]
    raw = found["normed"] @ transformer.matrix(studio, "it", "unembed", ids=listed)["weight"]
    close(raw, found["raw"][listed])
    close(3 * torch.tanh(raw / 3), found["logits"][listed])


@torch.no_grad()
def test_a_silenced_head_is_the_model_without_its_part_of_the_output_matrix(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path)
    edits = [{"part": "head", "block": 0, "unit": 1, "scale": 0}, {"part": "neuron", "block": 1, "unit": 7, "scale": 2}]
    found = transformer.forward(studio, "it", TEXT, edits=edits)
    close(found["plain"], model(ids())[0, -1])
    width = model.config.width_of_head
    model.blocks[0].attn.proj.weight[:, width : 2 * width] = 0
    model.blocks[1].mlp.down.weight[:, 7] *= 2
    close(found["logits"], model(ids())[0, -1])
    assert (found["logits"] - found["plain"]).abs().max() > 1e-3


@torch.no_grad()
def test_a_cut_edge_is_zero_and_the_rest_of_the_row_stays(tmp_path: Path) -> None:
    studio, _ = studio_of(tmp_path)
    edit = {"part": "edge", "block": 0, "unit": 1, "query": 5, "key": 2, "scale": 0}
    plain, cut = transformer.forward(studio, "it", TEXT), transformer.forward(studio, "it", TEXT, edits=[edit])
    expected = plain["patterns"][0].clone()
    expected[1, 5, 2] = 0
    close(cut["patterns"][0], expected)
    block = transformer.block(studio, "it", TEXT, 0, edits=[edit])
    close(block["z"][5, 1], expected[1, 5] @ block["v"][:, 0])


@torch.no_grad()
def test_the_lens_is_the_logit_lens_and_its_control_an_untrained_network(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path, "qwen3")
    found = transformer.lens(studio, "it", TEXT)
    trace = logit_lens(model, ids()[0], list(TEXT)).arrays
    for name in ("top_ids", "top_probabilities", "entropy", "next_rank"):
        close(found[name], trace[name])
    close(torch.stack([found["kl"], found["kl_untrained"]]), trace["kl"])
    assert found["rank"][-1, -1].tolist() == [1, 2, 3, 4, 5]
    close(found["probability"][-1, -1], model(ids())[0, -1].softmax(-1)[found["watched"]])


@torch.no_grad()
def test_a_long_text_is_read_as_far_as_the_context_goes_and_drawn_in_part(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path)
    text = "".join(chr(97 + i % 26) for i in range(100))
    found = transformer.forward(studio, "it", text)
    assert (found["dropped"], found["read"], found["start"]) == (36, 64, 64 - WINDOW)
    close(found["logits"], model(ids(text[-64:]))[0, -1])
    close(found["patterns"].sum(-1) + found["before"], torch.ones_like(found["before"]))
    assert "".join(transformer.forward(studio, "it", text, start=0)["tokens"]) == text[-64:][:WINDOW]


@torch.no_grad()
def test_what_was_written_follows_the_prompt_token_by_token(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path)
    close(transformer.forward(studio, "it", "ab", written=[99])["logits"], model(ids("abc"))[0, -1])
    empty = transformer.forward(studio, "it", "")
    assert empty["ids"] == [256]
    assert empty["ended"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"run": "other"}, "no run other"),
        ({"run": "../it"}, "not the name of a run"),
        ({"step": 3}, "no checkpoints"),
        ({"text": "x" * 60_000}, "give a shorter one"),
        ({"written": [300]}, "no token of this model"),
        ({"edits": [{"part": "head", "block": 0, "unit": 9, "scale": 0}]}, "unit \\(=9\\)"),
        ({"edits": [{"part": "edge", "block": 0, "unit": 0, "query": 99, "key": 0}]}, "query \\(=99\\)"),
        ({"edits": [{"part": "all"}]}, "a head, a neuron or an edge"),
        ({"edits": [{"part": "head", "block": 0, "unit": 0, "scale": "big"}]}, "scale \\(='big'\\)"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    studio, _ = studio_of(tmp_path)
    with pytest.raises((GlassworksError, ValueError), match=message) as caught:
        transformer.forward(studio, **{"run": "it", "text": TEXT, **wrong})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"name": "else"}, {"name": "gate"}, {"block": 2}, {"head": -1}, {"first": 10**6}])
def test_a_matrix_that_is_not_there_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    studio, _ = studio_of(tmp_path)
    with pytest.raises(ValueError, match="must be"):
        transformer.matrix(studio, "it", **{"name": "q", **wrong})


def test_models_are_runs_of_text_and_folders_and_links_to_outside_are_neither(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    studio, _ = studio_of(root)
    (tmp_path / "elsewhere").mkdir()
    studio_of(tmp_path / "elsewhere")
    (root / "link").symlink_to(tmp_path / "elsewhere" / "it")
    (root / "nothing").mkdir()
    assert [model["name"] for model in transformer.models(studio)] == ["it"]
    with pytest.raises(GlassworksError):
        transformer.forward(studio, "link", TEXT)


@torch.no_grad()
def test_a_run_opens_at_each_of_its_checkpoints_and_offers_held_out_texts(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path)
    studio = Studio(tmp_path / "runs")
    expected = {"name": "ants", "steps": [3, 6], "finished": True, "examples": ["the ant"]}
    assert transformer.models(studio) == [expected]
    logits = {step: transformer.forward(studio, "ants", "the", step=step)["logits"] for step in (3, 6, None)}
    close(logits[6], logits[None])
    assert (logits[3] - logits[6]).abs().max() > 1e-3
    weights = load_file(run.path / "checkpoints" / "step_000003" / "model.safetensors")
    early = open_at(studio, "ants").model
    early.load_state_dict(weights)
    close(logits[3], early(torch.tensor([list(b"the")]))[0, -1])
    with pytest.raises(GlassworksError, match="no checkpoint of step 4 \\(it has: 3, 6\\)"):
        transformer.forward(studio, "ants", "the", step=4)


def test_saliency_is_of_the_written_token_and_has_an_untrained_network_beside_it(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path, "qwen3")
    found = transformer.saliency(studio, "it", TEXT, position=5)
    assert ("".join(found["tokens"]), found["target"]) == (TEXT[:5], TEXT[5])
    for name, of in (("model", model), ("untrained", untrained(model))):
        expected = saliency_of(of, ids()[0, :5], ord(TEXT[5]))
        for measure in ("cut", "replaced", "gradient"):
            close(found[name][measure], getattr(expected, measure))
    likeliest = int(model(ids())[0, -1].argmax())
    assert transformer.saliency(studio, "it", TEXT)["target"] == byte_tokenizer().token(likeliest)
    for wrong in (0, 99):
        with pytest.raises(ValueError, match="must be from 1 to 8"):
            transformer.saliency(studio, "it", TEXT, position=wrong)


def test_saliency_leaves_out_what_is_far_before(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path, n_ctx=128)
    found = transformer.saliency(studio, "it", "ab" * 50)
    assert (found["first"], len(found["tokens"])) == (36, 64)
    expected = saliency_of(model, ids("ab" * 32)[0], int(model(ids("ab" * 32))[0, -1].argmax()))
    close(found["model"]["cut"], expected.cut)


@torch.no_grad()
def test_training_shows_the_network_as_it_began_and_at_its_checkpoints(tmp_path: Path) -> None:
    run, model = run_of(tmp_path)
    found = transformer.training(Studio(tmp_path / "runs"), "ants", "the", position=1)
    assert found["stops"] == ["untrained", "step 3", "step 6", "now"]
    assert (found["follows"], found["ids"][0]) == (ord("e"), ord("e"))
    begun = GPT(model.config, seed=run.record["recipe"]["seed"])
    for row, of in ((0, begun), (3, model)):
        close(found["chance"][row], of(ids("th"))[0, -1].softmax(-1)[found["ids"]])
    close(found["chance"][2], found["chance"][3])
    close(found["loss"], -found["chance"][:, 0].log())
    assert transformer.training(Studio(tmp_path / "runs"), "ants", "the")["follows"] is None


def test_ids_without_a_token_are_named_so_that_none_is_drawn(tmp_path: Path) -> None:
    studio, _ = studio_of(tmp_path, vocab_size=260)
    assert transformer.forward(studio, "it", TEXT)["unknown"].tolist() == [257, 258, 259]


def test_a_question_between_the_parts_of_another_about_the_same_model_leaves_both_as_they_are_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write hooks and modes into modules: each has its own."""
    studio, _ = studio_of(tmp_path)
    edits = [{"part": "head", "block": 0, "unit": 1, "scale": 0}]
    alone = transformer.saliency(studio, "it", TEXT)
    forward = transformer.forward(studio, "it", TEXT, edits=edits)
    pause, between = studio.turns.pause, list[dict[str, Any]]()

    def asking() -> None:
        between.append(transformer.forward(studio, "it", TEXT, edits=edits))

    def pausing() -> None:
        """Another question comes at the first pauses, and is waited for."""
        if len(between) < 5:
            other = threading.Thread(target=asking)
            other.start()
            with studio.turns.news:
                assert studio.turns.news.wait_for(lambda: bool(studio.turns.waiting), 20)
            pause()
            other.join(20)

    monkeypatch.setattr(turns, "PART", 0)
    monkeypatch.setattr(studio.turns, "pause", pausing)
    monkeypatch.setattr(studio.turns, "choose", partial(told, studio.turns.choose, studio.turns.news))
    found = transformer.saliency(studio, "it", TEXT)
    assert len(between) == 5
    for name in ("cut", "replaced", "gradient"):
        assert torch.equal(torch.as_tensor(found["model"][name]), torch.as_tensor(alone["model"][name]))
    for answer in between:
        assert torch.equal(answer["patterns"], forward["patterns"])
        assert torch.equal(answer["logits"], forward["logits"])


def told(choose: Any, news: threading.Condition) -> None:
    """Also tell the test that somebody waits."""
    choose()
    news.notify_all()
