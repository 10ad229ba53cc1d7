"""Losses of what a network says and what it should have said: plain functions of tensors, a file a family."""
