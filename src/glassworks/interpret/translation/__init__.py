"""Inside an encoder-decoder: every number of one translation, and where it looks while it writes."""
