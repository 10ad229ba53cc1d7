"""Glassworks raises neural networks and lets you see through them."""

__version__ = "0.1.0"
