"""Losses as plain functions of a model and a batch."""
