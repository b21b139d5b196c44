"""`python -m citybrain.cli`: the same as the command `citybrain`."""

from citybrain.cli.main import run

run()
