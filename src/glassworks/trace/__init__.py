"""Traces: what an interpretation found, and how it is drawn."""
