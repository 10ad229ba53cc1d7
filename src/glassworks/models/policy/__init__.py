"""Policies: networks, tables and linear functions that say what to do in an environment."""
