"""A neuron's part of its traces, and its drawings."""
