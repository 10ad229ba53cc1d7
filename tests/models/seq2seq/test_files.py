"""Folders in Marian's layout: the same network here and in transformers."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, MarianConfig, MarianMTModel

from glassworks.core.errors import FileDamaged
from glassworks.data.pairs.tokens import marks, with_start_and_padding
from glassworks.data.tokenizers.build import Tokenizer, train_bpe
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.decode import beam_search, greedy
from glassworks.models.seq2seq.files import is_seq2seq, load_seq2seq, save_seq2seq
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.train.opening import OpenedPairs, open_run

TEXTS = ["three thousand and forty-two", "the third of may", "3042", "1902-05-03"]


def tokenizer() -> Tokenizer:
    return with_start_and_padding(train_bpe(TEXTS, 270))


def network(**more: object) -> Seq2Seq:
    pad, start, end = marks(tokenizer())
    config = Seq2SeqConfig(
        vocab_size=tokenizer().vocab_size,
        n_ctx=40,
        n_layer=2,
        n_decoder_layer=1,
        n_head=2,
        n_embd=16,
        pad_id=pad,
        start_id=start,
        end_id=end,
    )
    model = Seq2Seq(dataclasses.replace(config, **more))
    with torch.no_grad():
        model.embed.weight *= 2
        for p in model.parameters():
            p += 0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
    return model.eval()


def saved(folder: Path, model: Seq2Seq) -> Path:
    tokenizer().save(folder / "tokenizer.json")
    save_seq2seq(model, folder / "model", folder / "tokenizer.json")
    return folder / "model"


@pytest.mark.parametrize("activation", ["relu", "swish", "gelu"])
def test_it_opens_in_transformers_with_equal_logits_and_writes_the_same(tmp_path: Path, activation: str) -> None:
    model = network(activation=activation)
    folder = saved(tmp_path, model)
    theirs = MarianMTModel.from_pretrained(folder).eval()
    words = AutoTokenizer.from_pretrained(folder)
    read = words(TEXTS, return_tensors="pt", padding=True)
    assert read["input_ids"][0].tolist() == [
        *tokenizer().encode(TEXTS[0]),
        model.config.end_id,
        *[model.config.pad_id] * (read["input_ids"].size(1) - len(tokenizer().encode(TEXTS[0])) - 1),
    ]
    inputs = torch.tensor([[model.config.start_id, 5, 6, 7]] * 4)
    with torch.no_grad():
        logits = theirs(read["input_ids"], attention_mask=read["attention_mask"], decoder_input_ids=inputs).logits
        torch.testing.assert_close(model(read["input_ids"], inputs), logits, atol=2e-5, rtol=1e-4)
        written = theirs.generate(**read, num_beams=1, do_sample=False, max_length=20)
    ours = greedy(model, read["input_ids"], max_tokens=19)
    for one, row in zip(ours, written.tolist(), strict=True):
        assert list(one.ids) == row[1 : 1 + len(one.ids)]


def test_beams_write_what_those_of_transformers_do(tmp_path: Path) -> None:
    model = network()
    theirs = MarianMTModel.from_pretrained(saved(tmp_path, model)).eval()
    read = AutoTokenizer.from_pretrained(tmp_path / "model")(TEXTS, return_tensors="pt", padding=True)
    with torch.no_grad():
        found = theirs.generate(
            **read,
            num_beams=4,
            num_return_sequences=4,
            length_penalty=0.0,
            early_stopping="never",
            max_length=8,
            output_scores=True,
            return_dict_in_generate=True,
        )
    ours = beam_search(model, read["input_ids"], beams=4, alpha=0.0, max_tokens=7)
    best = [ranked[0].score for ranked in ours]
    assert best == pytest.approx(found.sequences_scores[::4].tolist(), abs=1e-3)


@pytest.mark.parametrize("activation", ["relu", "swish"])
def test_what_transformers_writes_opens_here_with_equal_logits(tmp_path: Path, activation: str) -> None:
    torch.manual_seed(0)
    theirs = MarianMTModel(
        MarianConfig(
            vocab_size=30,
            max_position_embeddings=16,
            d_model=8,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=12,
            decoder_ffn_dim=12,
            activation_function=activation,
            scale_embedding=True,
            pad_token_id=29,
            decoder_start_token_id=29,
            eos_token_id=0,
        )
    ).eval()
    with torch.no_grad():
        theirs.final_logits_bias.normal_()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_seq2seq(tmp_path / "theirs")
    source, inputs = torch.tensor([[4, 5, 0, 29], [6, 7, 8, 0]]), torch.tensor([[29, 3], [29, 9]])
    with torch.no_grad():
        logits = theirs(source, attention_mask=(source != 29).long(), decoder_input_ids=inputs).logits
        torch.testing.assert_close(ours.eval()(source, inputs), logits, atol=2e-5, rtol=1e-4)


def test_a_folder_comes_back_to_the_bit_and_opens_by_its_name(tmp_path: Path) -> None:
    model = network()
    folder = saved(tmp_path, model)
    found = load_seq2seq(folder)
    assert found.config == dataclasses.replace(model.config, n_inner=64)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), found.state_dict().values(), strict=True))
    assert torch.equal(model.positions, found.positions)
    opened = open_run(str(folder))
    assert isinstance(opened, OpenedPairs)
    assert opened.tokenizer.encode("may") == tokenizer().encode("may")
    assert is_seq2seq(folder)
    assert not is_seq2seq(tmp_path)


def changed(folder: Path, **values: object) -> None:
    """Another config.json, as if somebody had edited it."""
    (folder / "checksums.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: v for k, v in {**config, **values}.items() if v is not None}))


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"scale_embedding": False}, ValueError, "scale_embedding"),
        ({"encoder_ffn_dim": 32}, ValueError, "decoder_ffn_dim"),
        ({"decoder_vocab_size": 7}, ValueError, "decoder_vocab_size"),
        ({"d_model": None}, FileDamaged, "d_model"),
        ({"d_model": 32}, FileDamaged, "asks for"),
        ({"decoder_layers": 2}, FileDamaged, "is missing"),
        ({"encoder_layers": 1}, FileDamaged, "no place"),
        ({"encoder_layers": 10**9}, FileDamaged, "more layers"),
        ({"model_type": "bart"}, ValueError, "model_type marian"),
    ],
)
def test_folders_that_disagree_are_refused(
    tmp_path: Path, values: dict[str, object], error: type[Exception], said: str
) -> None:
    folder = saved(tmp_path, network())
    changed(folder, **values)
    with pytest.raises(error, match=said):
        load_seq2seq(folder)


def test_weights_that_changed_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, network())
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(FileDamaged, match="sha256"):
        load_seq2seq(folder)


def test_a_tokenizer_without_the_marks_is_refused(tmp_path: Path) -> None:
    train_bpe(TEXTS, 270).save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="has no added token for pad_token"):
        save_seq2seq(network(), tmp_path / "model", tmp_path / "tokenizer.json")
    assert not (tmp_path / "model").exists()
