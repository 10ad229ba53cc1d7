"""The records of metrics, a file a family."""
