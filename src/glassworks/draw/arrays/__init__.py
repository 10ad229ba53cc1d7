"""Arrays drawn by what their axes are: lines, bars, heat maps, texts."""
