"""Fleets: which sites take part in a storyline, from `simulators/catalog/fleets/*.yaml`.

The catalog has the sites of a whole city; a demonstration wants as many as one machine can play at speed.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from citybrain.documents import load, validated
from citybrain.errors import CatalogError, MissingError
from citybrain.metrics import Entry
from citybrain.registry import Registry
from citybrain.sites import SiteId
from simulators.storyline import Storyline

SHIPPED = Path(__file__).parent / "catalog" / "fleets"


class Fleet(Entry):
    """One file of `simulators/catalog/fleets/`."""

    fleet: SiteId
    sites: Annotated[tuple[SiteId, ...], Field(min_length=1)]


def load_fleet(name: str, folder: Path | None = None) -> Fleet:
    """Return the fleet of that name.

    Raises MissingError if there is none, and CatalogError whose text lists every fault with its place.
    """
    folder = folder or SHIPPED
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
        raise MissingError(f"there is no fleet {name!r}; {folder} has: {names}")
    document, problems = load(path)
    fleet = None
    if document is not None:
        fleet, problems = validated(document, Fleet)
    if fleet is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return fleet


def taking_part(registry: Registry, storyline: Storyline) -> Registry:
    """Return the registry with the sites that take part in the storyline alone.

    All do where it names no fleet, and where the catalog has none of the fleet's sites: then it is another city's.
    Raises MissingError and CatalogError as `load_fleet` does.
    """
    if storyline.fleet is None:
        return registry
    named = set(load_fleet(storyline.fleet).sites)
    sites = {name: site for name, site in registry.sites.items() if name in named}
    return replace(registry, sites=sites) if sites else registry
