"""The page of a run of pairs of texts."""
