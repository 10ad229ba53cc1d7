"""A page a neuron, and their index."""
