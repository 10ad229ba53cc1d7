"""What raises a policy's reward: log-probabilities, advantages, distances from a reference, and the losses on them."""
