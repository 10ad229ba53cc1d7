"""From a base model to one that does what a person prefers: the whole chain, each step beside the one before."""
