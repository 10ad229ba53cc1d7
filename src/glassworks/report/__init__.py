"""Offline pages: a run, several runs, a look, a finding, a neuron."""
