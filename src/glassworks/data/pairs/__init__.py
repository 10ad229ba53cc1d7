"""Pairs of texts: read from files, catalogues of translations or generated; prepared once; batches of them."""
