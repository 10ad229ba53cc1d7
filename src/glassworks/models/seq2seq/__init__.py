"""The encoder-decoder of "Attention is all you need": one text into another."""
