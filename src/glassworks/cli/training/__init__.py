"""What `train` says and does of a kind of data: its flags, its overview, what is told on the way."""
