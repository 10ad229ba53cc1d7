"""The one training loop, its checkpoints, devices and ranks."""
