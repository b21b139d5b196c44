"""The author files that a worker was started with: published when they change, refused when they do not compile."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from citybrain.clock import Clock
from citybrain.model import Status
from citybrain.problems import Problem
from scenarios.published import CatalogFiles, compile_files
from streams.catalog_log import WORKER, KafkaCatalogs
from streams.log import Place, Writer
from streams.outputs import Outputs
from streams.telemetry import Telemetry
from streams.topics import Names, Stage

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0


class Author(Protocol):
    """Where the author files are, and who is told what becomes of them."""

    def gather(self) -> CatalogFiles:
        """Return the files as they are now. Raises OSError if they cannot be read."""
        ...

    def say_published(self, catalog: str) -> None:
        """Hear that they were published, as the set of a hash."""
        ...

    def say_refused(self, problems: Sequence[Problem]) -> None:
        """Hear why they were not."""
        ...

    def say_other(self, number: int) -> None:
        """Hear that another set is in force than they are."""
        ...


class CatalogDesk:
    """Publishes the author's files: when asked to, and, if it is made to look, when they have changed."""

    def __init__(
        self,
        author: Author,
        catalogs: KafkaCatalogs,
        *,
        names: Names,
        status: Status,
        writer: Writer,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._author = author
        self._catalogs = catalogs
        self._outputs = Outputs(Place(Stage.JOURNAL, 0), names, status=status, drill=None)
        self._writer = writer
        self._clock = clock
        self._telemetry = telemetry
        # Hashes of the files: as last seen, as last published or refused, as last refused.
        self._seen = self._dealt_with = self._refused = ""

    def begin(self, files: CatalogFiles) -> None:
        """Take the files as they were at the start for known."""
        self._seen = self._dealt_with = files.content_hash
        if self._catalogs.content_hash != files.content_hash:
            self._author.say_other(self._catalogs.ready)

    async def look(self) -> None:
        """Publish the files if they are others than before, and have been left alone since the last look."""
        files = await self._gathered()
        if files is None:
            return
        before, self._seen = self._seen, files.content_hash
        if before == self._seen != self._dealt_with:
            await self._deal_with(files)

    async def publish(self) -> None:
        """Publish the files, unless they are what is in force."""
        files = await self._gathered()
        if files is not None:
            self._seen = files.content_hash
            await self._deal_with(files)

    async def _gathered(self) -> CatalogFiles | None:
        try:
            return await asyncio.to_thread(self._author.gather)
        except OSError as error:
            # An editor may just be writing it; at the next look it is there again, or the line comes again.
            logger.warning("the author files cannot be read: %s", error)
            return None

    async def _deal_with(self, files: CatalogFiles) -> None:
        self._dealt_with = files.content_hash
        if self._dealt_with == self._catalogs.content_hash:
            return
        compiled, problems = await asyncio.to_thread(compile_files, files)
        if compiled is None:
            await self._refuse(problems)
            return
        await self._catalogs.publish(files, compiled, by=WORKER)
        self._author.say_published(compiled.rules.catalog)

    async def _refuse(self, problems: Sequence[Problem]) -> None:
        """Say everywhere that what was written is not in force: on alerts.system once for the same files."""
        self._telemetry.catalog_error()
        self._author.say_refused(problems)
        if self._refused != self._dealt_with:
            self._refused = self._dealt_with
            first = problems[0]
            where = f"{first.path.name}:{first.line}:{first.column}"
            catalog = self._catalogs.catalog
            event = self._outputs.own_alert("catalog-error", catalog=catalog, where=where, at=self._clock.now())
            await self._writer.send(self._outputs.event(event))
