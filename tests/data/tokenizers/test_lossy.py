"""Whether a tokenizer keeps the text is measured on the held-out documents, whatever its kind."""

from pathlib import Path

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from glassworks.data.text.reading import described
from glassworks.data.text.shards import open_corpus, prepare
from glassworks.data.tokenizers.build import byte_tokenizer, train_bpe
from glassworks.data.tokenizers.lossy import lost_bytes

TEXT = "The café of Zoë, ①②③:\n  a dog and a cat.\n\n"


@pytest.mark.parametrize(
    ("text", "decoded", "lost"),
    [
        ("", "", 0),
        ("the dog", "the dog", 0),
        ("The Dog", "the dog", 2),
        ("the dog", "the [UNK]", 3),
        ("é猫", "", 5),
        ("a  b\n", "a b", 2),
        ("ab", "ba", 1),
        ("ab", "a b", 1),
    ],
)
def test_lost_are_the_characters_that_do_not_come_back(text: str, decoded: str, lost: int) -> None:
    assert lost_bytes(text, decoded) == lost


def words() -> tokenizers.Tokenizer:
    """Five words, and all else [UNK]."""
    vocabulary = {"[UNK]": 0, "[SEP]": 1, "the": 2, "dog": 3, ".": 4}
    inner = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.add_special_tokens(["[UNK]", "[SEP]"])
    return inner


def normalized(normalizer: normalizers.Normalizer | None) -> tokenizers.Tokenizer:
    """Byte-level BPE behind a normalizer."""
    inner = tokenizers.Tokenizer.from_str(train_bpe([TEXT], 300).json)
    if normalizer is not None:
        inner.normalizer = normalizer
    return inner


def llama() -> tokenizers.Tokenizer:
    """A blank before every text, which decoding takes away; single bytes for what has no token."""
    inner = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    special = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    inner.train_from_iterator(["a cat"], trainers.BpeTrainer(special_tokens=special, show_progress=False))
    return inner


@pytest.mark.parametrize(
    ("inner", "low", "high"),
    [
        (tokenizers.Tokenizer.from_str(byte_tokenizer().json), 0.0, 0.0),
        (normalized(None), 0.0, 0.0),
        (normalized(normalizers.NFC()), 0.0, 0.0),  # the text is in this form already
        (llama(), 0.0, 0.0),
        (normalized(normalizers.NFKC()), 0.1, 0.3),
        (normalized(normalizers.Lowercase()), 0.03, 0.05),
        (normalized(normalizers.Strip()), 0.001, 0.05),
        (words(), 0.5, 0.9),
    ],
    ids=["bytes", "bpe", "nfc", "llama", "nfkc", "lowercase", "strip", "words"],
)
def test_the_share_that_is_lost_is_known_of_a_corpus(
    tmp_path: Path, inner: tokenizers.Tokenizer, low: float, high: float
) -> None:
    for i in range(6):
        (tmp_path / f"{i}.txt").write_text(TEXT * (i + 1), encoding="utf-8")
    inner.save(str(tmp_path / "t.json"))
    corpus = prepare(f"{tmp_path}/*.txt", str(tmp_path / "t.json"), tmp_path / "corpora", held_out=0.5)
    assert low <= corpus.val.lost <= high
    assert corpus.meta["lost"] == open_corpus(corpus.path).val.lost == corpus.val.lost
    assert any("loses" in line for line in described(corpus.meta)) == (high > 0)
