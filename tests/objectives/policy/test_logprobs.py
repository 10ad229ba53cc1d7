import math

import torch

from glassworks.objectives.losses import next_token_loss
from glassworks.objectives.policy.logprobs import sequence_logprobs, token_entropies, token_logprobs

LOGITS = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([[4, 0, -1], [-100, 2, 1]])


def test_a_target_has_its_log_softmax_and_one_that_does_not_count_0() -> None:
    logs = LOGITS.log_softmax(-1)
    expected = torch.tensor([[logs[0, 0, 4], logs[0, 1, 0], 0.0], [0.0, logs[1, 1, 2], logs[1, 2, 1]]])
    torch.testing.assert_close(token_logprobs(LOGITS, TARGETS), expected)


def test_their_mean_is_the_next_token_loss() -> None:
    model = torch.nn.Embedding.from_pretrained(LOGITS[0], freeze=False)
    inputs = torch.tensor([[0, 1, 2], [2, 1, 0]])
    found = token_logprobs(model(inputs), TARGETS)
    torch.testing.assert_close(-found.sum() / 4, next_token_loss(model, (inputs, TARGETS)))


def test_narrow_logits_are_taken_to_float32() -> None:
    assert token_logprobs(LOGITS.bfloat16(), TARGETS).dtype == torch.float32


def test_a_temperature_divides_the_logits() -> None:
    torch.testing.assert_close(token_logprobs(LOGITS, TARGETS, 0.5), token_logprobs(LOGITS * 2, TARGETS))
    torch.testing.assert_close(token_entropies(LOGITS, TARGETS, 0.5), token_entropies(LOGITS * 2, TARGETS))


def test_sequences_are_sums_or_means_of_their_own_tokens() -> None:
    logprobs = torch.tensor([[-1.0, -3.0, 7.0], [7.0, 7.0, 7.0]])
    targets = torch.tensor([[0, 2, -1], [-1, -1, -1]])
    assert sequence_logprobs(logprobs, targets).tolist() == [-4, 0]
    assert sequence_logprobs(logprobs, targets, mean=True).tolist() == [-2, 0]


def test_entropy_is_that_of_the_distribution() -> None:
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [1e3, 0.0, 0.0, -torch.inf], [0.0, 0.0, -torch.inf, -torch.inf]]])
    found = token_entropies(logits, torch.tensor([[0, 0, 1]]))
    torch.testing.assert_close(found, torch.tensor([[math.log(4), 0.0, math.log(2)]]))
    assert token_entropies(logits, torch.tensor([[-1, 0, -1]]))[0, 0] == 0
