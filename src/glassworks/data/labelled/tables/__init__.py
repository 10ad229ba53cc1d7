"""Readers of labelled tables: rows of CSV, TSV and Parquet, encoded column by column; toy sets of points."""
