"""The command line: one file a command; parse, import, call, print."""
