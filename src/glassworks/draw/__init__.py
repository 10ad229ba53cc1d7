"""The drawing kit: numbers in, SVG and HTML out. It knows no trace."""
