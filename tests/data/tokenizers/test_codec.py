import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.tokenizers.test_build import KINDS, TEXT, known, make, stranger
from tokenizers import decoders

from glassworks.core.ends import EOT
from glassworks.core.errors import FileDamaged
from glassworks.data.tokenizers.build import Tokenizer, byte_tokenizer, char_tokenizer, load_tokenizer, train_bpe
from glassworks.data.tokenizers.codec import guarded


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=TEXT)
def test_any_text_comes_back_and_both_ways_of_encoding_agree(kind: str, text: str) -> None:
    tokenizer, text = make(kind), known(kind, text)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert [array.tolist() for array in tokenizer.encode_documents([text, "", text])] == [ids, [], ids]
    assert tokenizer.eot not in ids
    assert b"".join(map(tokenizer.token_bytes, ids)).decode() == text


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=TEXT)
def test_the_table_and_the_library_give_the_same_ids(kind: str, text: str) -> None:
    tokenizer, text = make(kind), known(kind, text)
    assert tokenizer.encode(text) == tokenizer.inner.encode(text, add_special_tokens=False).ids


def test_a_character_outside_the_alphabet_is_refused_by_name() -> None:
    tokenizer = char_tokenizer(["hello"])
    for character in ("é", "\0", "i", "\U0010ffff"):
        code = f"U\\+{ord(character):04X}"
        with pytest.raises(ValueError, match=rf"{code}\) is not in the tokenizer's alphabet of 4 characters"):
            tokenizer.encode("hell" + character)
        with pytest.raises(ValueError, match=code):
            list(tokenizer.encode_documents(["hello", character]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_special_token_spelled_out_in_a_text_stays_text(kind: str, tmp_path: Path) -> None:
    tokenizer = make(kind)
    assert tokenizer.eot not in tokenizer.encode(f"a{EOT}b")
    assert tokenizer.decode([tokenizer.eot]) == EOT
    if kind != "chars":
        tokenizer.save(tmp_path / "t.json")
        assert load_tokenizer(tmp_path / "t.json").encode(f"a{EOT}b") == tokenizer.encode(f"a{EOT}b")


def test_tokens_for_display_show_text_or_bytes() -> None:
    tokenizer = byte_tokenizer()
    assert [tokenizer.token(id) for id in (97, 10, 0xE2, 256)] == ["a", "\n", "<E2>", EOT]


def test_ids_that_stand_for_no_token_decode_to_nothing_and_are_told_apart() -> None:
    """Also the holes in the numbering of a tokenizer.json."""
    whole = json.loads(byte_tokenizer().json)
    whole["model"]["vocab"]["hello"] = 300
    tokenizer = Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(whole)))
    assert (tokenizer.vocab_size, tokenizer.known.sum()) == (301, 258)
    for id in (256, 299, 301, 151_935, 2**40):  # the end of text has moved behind the first hole
        assert tokenizer.decode([104, id, 105]) == "hi"
        assert (tokenizer.token(id), tokenizer.token_bytes(id)) == (f"<no token {id}>", b"")
    assert (tokenizer.token(300), tokenizer.decode([300])) == ("hello", "hello")
    with pytest.raises(ValueError, match=r"id \(=-100\) must be at least 0"):
        tokenizer.decode([5, -100])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(places=st.lists(st.floats(0, 1), max_size=30))
def test_any_ids_decode_as_the_library_does(kind: str, places: list[float]) -> None:
    tokenizer = make(kind)
    ids = [min(int(place * tokenizer.vocab_size), tokenizer.vocab_size - 1) for place in places]
    assert tokenizer.decode(ids) == tokenizer.inner.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("as_type", [list, tuple, np.array, np.uint16, torch.tensor])
def test_ids_may_be_a_list_an_array_or_a_tensor(as_type: Callable[[list[int]], Any]) -> None:
    for tokenizer in (make("bpe"), Tokenizer(stranger("</s>"))):
        ids = tokenizer.encode("hello")
        assert tokenizer.decode(as_type(ids)) == "hello"
        assert tokenizer.decode(as_type([])) == ""
        with pytest.raises(ValueError, match="must be a row of whole numbers"):
            tokenizer.decode(np.array([ids, ids]))
        with pytest.raises(ValueError, match="must be a row of whole numbers"):
            tokenizer.decode([1.5])


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("kind", ["bpe", "gpt2", "other"])
def test_added_tokens_stand_for_their_text_whatever_letters_it_has(kind: str, special: bool) -> None:
    inner = stranger("</s>") if kind == "other" else tokenizers.Tokenizer.from_str(make(kind).json)
    names = ["é", "đč", "Ġ", "<|ünd|>", "<0x41>x"]
    inner.add_tokens([tokenizers.AddedToken(name, special=special, normalized=False) for name in names])
    tokenizer = Tokenizer(tokenizers.Tokenizer.from_str(inner.to_str()))
    for name in names:
        id = tokenizer.inner.token_to_id(name)
        assert tokenizer.decode([id]) == tokenizer.token(id) == tokenizer.token_bytes(id).decode() == name
        if kind != "other":  # Metaspace writes a blank before what follows an added token
            assert tokenizer.decode(tokenizer.encode(f"a{name}b")) == f"a{name}b"
    if kind != "other":
        fused = tokenizers.Tokenizer.from_str(inner.to_str())
        fused.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])
        assert Tokenizer(fused).decode([id]) == name


def test_half_a_surrogate_pair_is_refused_by_every_tokenizer() -> None:
    for tokenizer in (*map(make, ("bytes", "chars", "bpe")), Tokenizer(stranger("</s>"))):
        for encode in (tokenizer.encode, lambda text, t=tokenizer: list(t.encode_documents(["a", text]))):
            with pytest.raises(ValueError, match=r"text\[3\] \(='\\udce9'\) is a lone surrogate"):
                encode("caf\udce9")
    for train in (lambda text: train_bpe([text], 300), lambda text: char_tokenizer([text])):
        with pytest.raises(ValueError, match=r"text\[1\] \(='\\ud800'\) is a lone surrogate"):
            train("a\ud800")


def test_a_strangers_tokenizer_neither_cuts_nor_pads_nor_adds(tmp_path: Path) -> None:
    stranger("</s>").save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.token(tokenizer.eot) == "</s>"
    ids = tokenizer.encode("hello é 👍")
    assert (tokenizer.decode(ids), tokenizer.kind) == ("hello é 👍", "other")
    assert [array.tolist() for array in tokenizer.encode_documents(["hello é 👍"])] == [ids]


def test_a_tokenizer_without_an_end_of_text_is_refused(tmp_path: Path) -> None:
    stranger(None).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="no end-of-text token"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
        {"model": {"type": "WordLevel", "vocab": {"a": 0, EOT: 1}, "unk_token": "[UNK]"}},
        {"model": {"type": "Unigram", "vocab": [["a", 0.0], [EOT, -1.0]], "unk_id": None}},
    ],
    ids=["normalizer", "pre_tokenizer", "words", "unigram"],
)
def test_a_tokenizer_that_opens_and_cannot_encode_is_named(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    spec = json.loads(make("bpe").json)
    spec["added_tokens"] = [token | {"id": 1} if "model" in change else token for token in spec["added_tokens"]]
    path.write_text(json.dumps(spec | change), encoding="utf-8")
    for encode in (lambda made: made.encode("b text"), lambda made: list(made.encode_documents(["b text"]))):
        with pytest.raises(FileDamaged, match=r"tokenizer\.json .*restore it"):
            encode(load_tokenizer(path))


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_not_the_librarys_passes(raised: type[BaseException]) -> None:
    with pytest.raises(raised), guarded("it is damaged"):
        raise raised


def test_ids_are_as_narrow_as_the_vocabulary_allows() -> None:
    assert next(byte_tokenizer().encode_documents(["a"])).dtype == np.uint16
    assert next(make("chars").encode_documents(["a"])).dtype == np.uint32
