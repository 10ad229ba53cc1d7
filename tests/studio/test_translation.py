"""What the Translation page is told is what torch computes, and bad questions are refused in a line."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glassworks.core.errors import GlassworksError, RunError
from glassworks.core.runs import Run
from glassworks.interpret.access.hooks import capture
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.decode import beam_search, greedy
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.models.seq2seq.positions import sinusoids
from glassworks.studio.networks.translators import MOST_NUMBERS, most_tokens
from glassworks.studio.questions import translation
from glassworks.studio.studio import Studio
from glassworks.studio.wire import pack
from glassworks.train.opening import OpenedPairs, open_run
from glassworks.translation.recipe import PairRecipe
from glassworks.translation.run import start, train

TEXT, TARGET = "the third of may 1902", "1902-05-03"
SHAPE = Seq2SeqConfig(n_ctx=48, n_layer=2, n_head=2, n_embd=16)


def pairs_run(root: Path) -> OpenedPairs:
    """A run of pairs, "dates", of a few steps with checkpoints at 3 and 6; opened."""
    recipe = PairRecipe(
        data="dates:300", tokenizer="bpe:300", model=SHAPE, steps=6, checkpoint_every=3, seed=4, batch_size=8,
        device="cpu", test=0.1,
    )  # fmt: skip
    run = start(root / "dates", recipe, ["glassworks", "train"])
    train(run)
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    opened.model.eval().requires_grad_(False)
    return opened


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Studio, OpenedPairs]:
    root = tmp_path_factory.mktemp("runs")
    return Studio(root), pairs_run(root)


def ids_of(opened: OpenedPairs, source: str, target: str) -> tuple[Tensor, Tensor]:
    """What the network reads of both."""
    config = opened.model.config
    read = [*opened.tokenizer.encode(source), config.end_id]
    return torch.tensor([read]), torch.tensor([[config.start_id, *opened.tokenizer.encode(target)]])


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(torch.as_tensor(found), torch.as_tensor(expected), rtol=1e-4, atol=1e-5)


def test_chances_patterns_and_losses_are_the_models_and_the_untrained_ones_are_of_the_runs_seed(
    known: tuple[Studio, OpenedPairs],
) -> None:
    studio, opened = known
    found = translation.forward(studio, "dates", TEXT, TARGET)
    read, written = ids_of(opened, TEXT, TARGET)
    with capture(opened.model, "*.pattern") as seen:
        logits = opened.model(read, written)[0]
    fresh = Seq2Seq(opened.model.config, seed=4).eval()(read, written)[0].detach()
    listed = found["listed"]
    close(found["logits"], logits[:, listed])
    close(found["log_total"], logits.logsumexp(-1))
    close(found["probabilities"], logits.softmax(-1)[:, listed])
    close(found["untrained"], fresh.softmax(-1)[:, listed])
    assert set(logits.topk(8).indices.flatten().tolist()) <= set(listed)
    close(found["last"] @ opened.model.embed.weight[listed].numpy().T, logits[:, listed])
    for i in range(2):
        close(found["patterns"]["encoder"][i], seen[f"encoder.{i}.attn.pattern"][0])
        close(found["patterns"]["decoder"][i], seen[f"decoder.{i}.attn.pattern"][0])
        close(found["patterns"]["cross"][i], seen[f"decoder.{i}.cross.pattern"][0])
    goal = torch.tensor([*opened.tokenizer.encode(TARGET), opened.model.config.end_id])
    for name, of in (("loss", logits), ("untrained_loss", fresh)):
        close(torch.tensor(found[name]), F.cross_entropy(of, goal, reduction="none", label_smoothing=0.1))
    assert found["given"]
    assert found["wanted"] == TARGET


def test_it_writes_greedily_searches_as_the_run_does_and_knows_what_held_out_pairs_become(
    known: tuple[Studio, OpenedPairs],
) -> None:
    studio, opened = known
    source, target = opened.data.test.texts[0]
    found = translation.forward(studio, "dates", source)
    read, _ = ids_of(opened, source, "")
    own = greedy(opened.model, read)[0]
    assert found["greedy"]["ids"] == list(own.ids)
    assert found["target"]["ids"] == [opened.model.config.start_id, *own.ids][: len(found["target"]["ids"])]
    assert len(found["target"]["ids"]) == min(len(own.ids) + 1, 48)
    assert [one["score"] for one in found["beams"]] == [one.score for one in beam_search(opened.model, read)[0]]
    assert found["wanted"] == target
    assert found["loss"][0] is not None  # the first token has a target whatever comes out
    wanted = opened.tokenizer.encode(target)
    assert own.ids[:1] != tuple(wanted[:1])  # of six steps it has not learned to write, so nothing after has one
    assert found["loss"][1:] == [None] * (len(found["loss"]) - 1)
    assert translation.forward(studio, "dates", TEXT)["wanted"] is None


@pytest.mark.parametrize(("stack", "part"), [("encoder", "attn"), ("decoder", "attn"), ("decoder", "cross")])
def test_a_layers_tensors_follow_from_one_another_by_the_weights_that_are_sent(
    known: tuple[Studio, OpenedPairs], stack: str, part: str
) -> None:
    studio, _ = known
    found = translation.layer(studio, "dates", TEXT, stack, 1, TARGET)
    values = {name: torch.as_tensor(value) for name, value in found.items()}
    sent = translation.weights(studio, "dates", stack, 1, part)
    before = values["after_attn.post" if part == "cross" else "before"]
    read = values["memory"] if part == "cross" else before
    for name, of in (("q", before), ("k", read), ("v", read)):
        W, b = sent[f"W_{name.upper()}"], sent[f"b_{name.upper()}"]
        close(values[f"{part}.{name}"], torch.einsum("tc,hcd->thd", of, W) + b)
    q, k, v, z = (values[f"{part}.{name}"].transpose(0, 1) for name in "qkvz")
    close(values[f"{part}.scores"], q @ k.transpose(1, 2) / 8**0.5)
    close(values[f"{part}.pattern"] @ v, z)
    close(values[f"after_{part}.out"], torch.einsum("htd,hdc->tc", z, sent["W_O"]) + sent["b_O"])
    close(values[f"after_{part}.sum"], before + values[f"after_{part}.out"])
    post = F.layer_norm(values[f"after_{part}.sum"], (16,), sent["gain"], sent["bias"])
    close(values[f"after_{part}.post"], post)


def test_the_feed_forward_network_and_the_positions_are_the_models(known: tuple[Studio, OpenedPairs]) -> None:
    studio, opened = known
    found = translation.layer(studio, "dates", TEXT, "encoder", 0)
    sent = translation.weights(studio, "dates", "encoder", 0, "mlp")
    hidden = F.relu(torch.as_tensor(found["after_attn.post"]) @ sent["W_up"] + sent["b_up"])
    close(found["mlp.post"], hidden)
    close(found["after_mlp.out"], hidden @ sent["W_down"] + sent["b_down"])
    positions = translation.positions(studio, "dates")
    close(positions["concatenated"], opened.model.positions[:64])
    close(positions["interleaved"], sinusoids(48, 16, interleaved=True))


def test_a_checkpoint_has_its_own_weights_and_the_list_says_which_there_are(
    known: tuple[Studio, OpenedPairs],
) -> None:
    studio, opened = known
    (model,) = translation.models(studio)
    assert (model["name"], model["steps"], model["finished"]) == ("dates", [3, 6], True)
    assert model["examples"][0] == dict(zip(("source", "target"), opened.data.validation.texts[0], strict=True))
    last, early = (translation.forward(studio, "dates", TEXT, TARGET, step) for step in (6, 3))
    now = translation.forward(studio, "dates", TEXT, TARGET)
    close(last["last"], now["last"])
    assert abs(early["last"] - now["last"]).max() > 1e-3


def test_the_page_of_one_file_holds_every_layer_and_its_weights(known: tuple[Studio, OpenedPairs]) -> None:
    studio, _ = known
    found = translation.whole(studio, "dates", TEXT)
    assert sorted(found["layers"]) == ["decoder.0", "decoder.1", "encoder.0", "encoder.1"]
    assert len(found["weights"]) == 2 * 2 + 2 * 3
    assert len(pack(found)) > 4 * sum(p.numel() for p in Seq2Seq(SHAPE).parameters()) / 2


def test_what_cannot_be_drawn_is_refused_in_a_line(known: tuple[Studio, OpenedPairs], tmp_path: Path) -> None:
    studio, _ = known
    for text, why in (
        ("  ", "an empty text has nothing to translate"),
        ("z" * 200, "this network reads 48: give a shorter one"),
        ("one " * 20_000, "must be a text of at most"),
    ):
        with pytest.raises(ValueError, match=why):
            translation.forward(studio, "dates", text)
    with pytest.raises(ValueError, match="the target has .* tokens with its mark, and this network reads 48"):
        translation.forward(studio, "dates", TEXT, "9" * 60)
    with pytest.raises(ValueError, match="must be encoder or decoder"):
        translation.layer(studio, "dates", TEXT, "middle", 0)
    with pytest.raises(ValueError, match=r"layer \(=2\) must be from 0 to 1"):
        translation.layer(studio, "dates", TEXT, "encoder", 2)
    with pytest.raises(ValueError, match="must be one of attn, mlp"):
        translation.weights(studio, "dates", "encoder", 0, "cross")
    with pytest.raises(GlassworksError, match=r"no checkpoint of step 5 \(it has: 3, 6\)"):
        translation.forward(studio, "dates", TEXT, step=5)
    with pytest.raises(GlassworksError, match="there is no run away"):
        translation.forward(studio, "away", TEXT)
    (tmp_path / "words").mkdir()
    Run.create(tmp_path / "words", kind="text", recipe={}, command=[])
    assert translation.models(Studio(tmp_path)) == []


def test_a_text_is_as_long_as_the_network_reads_and_every_pattern_of_it_is_there(tmp_path: Path) -> None:
    recipe = PairRecipe(
        data="dates:300", tokenizer="bytes", model=replace(SHAPE, n_ctx=160), steps=1, batch_size=8, device="cpu"
    )
    train(start(tmp_path / "long", recipe, ["glassworks", "train"]))
    studio, text = Studio(tmp_path), "nineteen hundred and five, " * 5
    found = translation.forward(studio, "long", text, TARGET)
    size = len(text.strip()) + 1
    assert size > 128
    assert len(found["source"]["ids"]) == size
    assert found["patterns"]["encoder"][1].shape == (2, size, size)
    close(found["patterns"]["cross"][0].sum(-1), torch.ones(2, len(TARGET) + 1))
    with pytest.raises(ValueError, match="the source has 201 tokens with its mark, and this network reads 160"):
        translation.forward(studio, "long", "x" * 200)
    config = replace(SHAPE, n_ctx=512, n_layer=6, n_head=8)
    assert most_tokens(config) ** 2 * 8 * 18 <= MOST_NUMBERS < (most_tokens(config) + 1) ** 2 * 8 * 18


def test_a_folder_in_marians_layout_is_opened_by_its_name_and_no_other_path_is(
    known: tuple[Studio, OpenedPairs], tmp_path: Path
) -> None:
    studio, _ = known
    folder = shutil.copytree(studio.root / "dates" / "model", tmp_path / "elsewhere" / "mine")
    (tmp_path / "runs").mkdir()
    shutil.copytree(folder, tmp_path / "runs" / "beside")
    of = Studio(tmp_path / "runs", {"mine": folder})
    assert [(one["name"], one["steps"], one["finished"]) for one in translation.models(of)] == [
        ("mine", [], True),
        ("beside", [], True),
    ]
    expected = translation.forward(studio, "dates", TEXT, TARGET)
    for name in ("mine", "beside"):
        found = translation.forward(of, name, TEXT, TARGET)
        close(found["last"], expected["last"])
        assert (found["wanted"], found["of_run"], found["smoothing"]) == (TARGET, False, 0)
        assert translation.layer(of, name, TEXT, "encoder", 0)["attn.q"].shape[1] == 2
    with pytest.raises(RunError, match="no checkpoints"):
        translation.forward(of, "mine", TEXT, step=3)
    for name in (str(folder), "../elsewhere/mine", "elsewhere", "other"):
        with pytest.raises(GlassworksError):
            translation.forward(of, name, TEXT)
