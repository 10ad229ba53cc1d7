"""Planted models, whose logits are written down: where a token turns the answer, and by how much, is known."""

import pytest
import torch
from torch import Tensor, nn

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.interpret.catalogue.contrasts import answers, contrast, largest_turn, sentence_of

V, YES, NO = 257, 200, 201


class Planted(nn.Module):
    """Says YES (by 2 nats) where a "k" has been read, else NO (by 3); other logits shift by what was read otherwise.

    The shifts are many and small: they make a large divergence and no other answer.
    """

    def __init__(self, noise: float = 0.0, from_place: int = 0) -> None:
        super().__init__()
        self.from_place = from_place
        self.shift = noise * torch.randn(V, V, generator=torch.Generator().manual_seed(0))

    def forward(self, tokens: Tensor) -> Tensor:
        out = torch.zeros(*tokens.shape, V)
        seen = (tokens == ord("k")).cumsum(1) > 0
        seen[:, : self.from_place] = False
        out[..., YES] = torch.where(seen, 12.0, 10.0)
        out[..., NO] = torch.where(seen, 10.0, 13.0)
        out[..., :YES] += self.shift[tokens].cumsum(1)[..., :YES]
        return out


def planted(noise: float = 0.0, from_place: int = 0) -> nn.Module:
    return Planted(noise, from_place)


def test_the_token_is_replaced_whose_replacement_turns_the_answer_by_the_most_nats() -> None:
    """The one with the largest divergence was taken, which many small shifts win without another answer."""
    tokens = torch.tensor([256, *b"abkcdefgh"])
    turn = largest_turn(planted(noise=0.5), tokens, V, [len(tokens) - 1])
    assert turn.place == 3
    assert turn.turned
    assert turn.nats == pytest.approx(5)
    assert turn.id in tokens[1:]
    assert turn.id != ord("k")


def test_a_contrast_says_what_is_replaced_and_by_how_many_nats() -> None:
    tokenizer, tokens = byte_tokenizer(), torch.tensor([256, *b"abkcdefgh"])
    other, note = contrast(planted(), tokenizer, tokens, len(tokens), None)
    assert (other != tokens).nonzero().flatten().tolist() == [3]
    assert "token 3 “k”" in note
    assert "by 5 nats" in note
    assert "That is little" not in note
    _, note = contrast(planted(from_place=99), tokenizer, tokens, len(tokens), None)
    assert "That is little" in note


def test_the_sentence_is_the_line_and_the_end_whose_answer_turns() -> None:
    """It was the beginning of the document, whatever was there to explain."""
    tokenizer = byte_tokenizer()
    passage = torch.tensor([256, *b"aaaaaaaaaaaaaa\nbbbbkbbbbbbbbbbb\ncccccccccccccccccc"])
    found = sentence_of(planted(), tokenizer, passage, 16)
    assert tokenizer.decode(found[1:].tolist()).startswith("bbbbk")
    assert 12 <= len(found) <= 16
    late = sentence_of(planted(from_place=14), tokenizer, passage, 16)
    assert len(late) >= 15  # before, nothing is said of what was read
    first = sentence_of(planted(), tokenizer, passage, 16, windows=1)
    assert tokenizer.decode(first[1:].tolist()).startswith("aaaa")


def test_the_replaced_token_is_not_right_before_the_answer_where_there_is_room() -> None:
    tokens = torch.tensor([256, *b"abcdefk", ord("z")])
    assert largest_turn(planted(), tokens, V, [8]).place != 7
    assert largest_turn(planted(), torch.tensor([256, ord("k"), ord("z")]), V, [2]).place == 1


def test_answers_differ_even_where_the_likeliest_does_not() -> None:
    clean, same = torch.tensor([3.0, 1.0, 2.0, 0.0]), torch.tensor([3.0, 2.5, 2.0, 0.0])
    assert [int(x) for x in answers(clean, same)] == [0, 1]  # the second has risen
    assert [int(x) for x in answers(clean, torch.tensor([0.0, 0.0, 0.0, 5.0]))] == [0, 3]
