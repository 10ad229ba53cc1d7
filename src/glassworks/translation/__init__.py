"""Translation: pairs of texts to an encoder-decoder, by a recipe."""
