"""Rules whose states settle before the weights learn."""
