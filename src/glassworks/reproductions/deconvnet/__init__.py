"""The debugging story of Zeiler and Fergus: bad first-layer filters seen, measured and mended."""
