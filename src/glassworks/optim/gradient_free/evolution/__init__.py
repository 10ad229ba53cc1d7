"""Evolution strategies: a normal distribution about the weights, moved by the ranks of candidates drawn from it."""
