"""What a page may ask: plain functions (studio, arguments) -> values, arrays among them. One file a page."""
