"""Texts from any source: documents, splits, and the token shards of a corpus."""
