"""Legends of what causes the answer: places that are changed, connections that are cut, and words of both."""
