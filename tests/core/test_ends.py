import json
from pathlib import Path

import pytest

from glassworks.core.ends import declared_ends, ends_of

VOCABULARY = {"a": 0, "</s>": 1, "<|endoftext|>": 2, "<|im_end|>": 3, "b": 4}
SPECIAL = (1, 2, 3)


@pytest.mark.parametrize(
    ("declared", "eot", "ends"),
    [
        ([], 2, {2}),
        ([3], 3, {3}),
        ([3, 2], 2, {2, 3}),
        ([3, 1], 1, {1, 3}),
        ([4], 2, {2, 4}),  # a token that texts contain does not separate them
        ([4, 3], 3, {3, 4}),
    ],
)
def test_declared_ids_end_texts_and_the_likeliest_separates_them(declared: list, eot: int, ends: set) -> None:
    assert ends_of(VOCABULARY, SPECIAL, declared) == (eot, ends)
    assert ends_of(VOCABULARY, SPECIAL, [eot, *sorted(ends - {eot})]) == (eot, ends)  # as a tokenizer writes it down


def test_nanochat_s_documents_begin_with_bos_and_its_answers_end_otherwise() -> None:
    vocabulary = {"a": 0, "<|bos|>": 1, "<|assistant_end|>": 2}
    assert ends_of(vocabulary, (1, 2), []) == (1, {1, 2})
    assert ends_of(vocabulary, (1, 2), [2]) == (1, {1, 2})
    assert ends_of({"a": 0, "<|bos|>": 1}, (1,), []) == (1, {1})
    assert ends_of({"a": 0, "<eos>": 1}, (), []) == (1, {1})
    assert ends_of({"a": 0, "mine": 1}, (1,), []) is None
    assert ends_of({"a": 0, "mine": 1}, (1,), [1]) == (1, {1})


@pytest.mark.parametrize(
    ("files", "ids"),
    [
        ({}, []),
        ({"config.json": {"eos_token_id": 3}}, [3]),
        ({"config.json": {"eos_token_id": [3, 1]}}, [3, 1]),
        ({"config.json": {"eos_token_id": 3}, "generation_config.json": {"eos_token_id": [1, 2]}}, [1, 2]),
        ({"config.json": {"eos_token_id": 3}, "generation_config.json": {"eos_token_id": 99}}, [3]),
        ({"config.json": {"eos_token_id": None}, "tokenizer_config.json": {"eos_token": "</s>"}}, [1]),
        ({"tokenizer_config.json": {"eos_token": {"content": "<|im_end|>"}}}, [3]),
        ({"special_tokens_map.json": {"eos_token": "</s>"}, "tokenizer_config.json": {"eos_token": "?"}}, [1]),
        ({"config.json": {"eos_token_id": True}}, []),
        ({"config.json": [3]}, []),
        ({"config.json": {"eos_token_id": "3"}}, []),
    ],
)
def test_the_first_file_that_names_a_known_token_counts(tmp_path: Path, files: dict, ids: list) -> None:
    for name, values in files.items():
        (tmp_path / name).write_text(json.dumps(values))
    assert declared_ends(tmp_path, VOCABULARY) == ids
