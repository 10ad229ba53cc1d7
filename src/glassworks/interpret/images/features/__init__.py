"""What single units of a network of images respond to: deconvnets, their strongest examples, pictures by ascent."""
