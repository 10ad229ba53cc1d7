"""What `look` does with a network that reads text, and with one that reads images; and the list of its methods."""
