"""From documents to batches: corpora, tokenizers, token shards, windows."""
