"""Tuning: a language model and examples to a model that does as they show, by a method."""
