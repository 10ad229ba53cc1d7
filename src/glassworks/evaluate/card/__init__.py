"""A data card: what there is in labelled data, and what is wrong with it, each finding beside its control."""
