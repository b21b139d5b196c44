"""The command line: `citybrain`."""
