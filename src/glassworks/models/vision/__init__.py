"""Networks that say something of an image or of a row of a table: each a plain module on one page."""
