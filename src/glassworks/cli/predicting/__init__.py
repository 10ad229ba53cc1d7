"""What `predict` prints of each kind of network."""
