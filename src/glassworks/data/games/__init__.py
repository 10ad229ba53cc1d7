"""Games as token streams, made as fast as they are read."""
