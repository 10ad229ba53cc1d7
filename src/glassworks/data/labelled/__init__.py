"""Labelled data: images and tables with what is to be said of each, from a source to batches of a step."""
