"""Losses on what a person prefers: one file a method, each with its equation and its source."""
