"""The world's mistakes, each one something a caller treats differently.

Bad records are values (`citybrain.model.Rejection`) and bad author files are lists of `citybrain.problems.Problem`;
neither is an exception of its own.
"""


class CitybrainError(Exception):
    """The root of all errors that this project raises on purpose."""

    exit_code = 1


class UsageError(CitybrainError):
    """The command was called in a way that it does not take."""

    exit_code = 2


class MissingError(CitybrainError):
    """Something outside is missing: a broker, a port, a package, a file."""

    exit_code = 3


class CatalogError(CitybrainError):
    """A command that needs a working rule set was given one that does not compile."""

    exit_code = 4


class SnapshotError(CitybrainError):
    """A stored state is torn, or was written by a version that this one cannot read."""

    exit_code = 3
