"""`citybrain worker`: judges the feed topics of a Kafka broker until it is stopped."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from citybrain.cli.console import Lang, err
from citybrain.cli.shared import CatalogOption, catalog_folders, language_of
from citybrain.clock import SystemClock
from citybrain.errors import CatalogError
from citybrain.i18n import Language, say
from citybrain.problems import Problem
from citybrain.settings import load_settings
from scenarios.published import CatalogFiles, Compiled, Folders, compile_files, gather
from streams.health import Pulse, served
from streams.quiet import Bounded
from streams.supervise import Supervisor
from streams.telemetry import Telemetry
from streams.worker import Worker


def worker(
    catalog: CatalogOption = None,
    lang: Lang = None,
    supervise: Annotated[
        bool, typer.Option("--supervise", help="Start the worker again whenever it ends, until told to stop.")
    ] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input is closed.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Publish the author files whenever they change; for one worker alone.")
    ] = False,
    any_port: Annotated[
        bool, typer.Option("--any-port", hidden=True, help="Take any free port if that of the metrics is taken.")
    ] = False,
) -> None:
    """Judge the feed topics and send alerts. Settings come from the environment and citybrain.toml."""
    language, settings = language_of(lang), load_settings()
    if supervise:
        sys.exit(_supervise(language, catalog, ["--watch"] if watch else []))
    _log_within_bounds()
    author = FolderAuthor(catalog_folders(catalog), language)
    files, compiled = author.compiled()
    if with_parent:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # Else `nohup` wants it ignored.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    telemetry, pulse = Telemetry(), Pulse(SystemClock())
    worker = Worker(files, compiled, settings, telemetry=telemetry, pulse=pulse, author=author, watches=watch)
    # Of a demo any free port will do: two on one machine want the same, and only one of them can have it.
    ports = (settings.metrics_port, 0) if any_port else (settings.metrics_port,)
    with served(telemetry, pulse, host=settings.metrics_host, ports=ports) as port:

        def say_started() -> None:
            rules, group = compiled.rules, settings.group
            err.print(
                say(
                    language,
                    "worker.started",
                    rules=len(rules.in_force),
                    sites=len(rules.registry.sites),
                    group=group,
                    bootstrap=settings.bootstrap,
                )
            )
            err.print(say(language, "worker.metrics", host=settings.metrics_host, port=port))

        worker.run(say_started)


class FolderAuthor:
    """The author files of this worker; what becomes of them is printed."""

    def __init__(self, folders: Folders, language: Language) -> None:
        self._folders = folders
        self._language = language

    def compiled(self) -> tuple[CatalogFiles, Compiled]:
        """Return the files and what they compile to. Raises CatalogError that lists every fault."""
        files = self.gather()
        compiled, problems = compile_files(files)
        if compiled is None:
            raise CatalogError("\n".join(["", *(problem.line_of_report(self._language) for problem in problems)]))
        return files, compiled

    def gather(self) -> CatalogFiles:
        """Return the files as they are now."""
        return gather(self._folders)

    def say_published(self, catalog: str) -> None:
        """Say that they are in force."""
        err.print(say(self._language, "catalog.changed", catalog=catalog))

    def say_refused(self, problems: Sequence[Problem]) -> None:
        """Say why they are not."""
        for problem in problems:
            err.print(problem.line_of_report(self._language), markup=False)
        err.print(say(self._language, "catalog.refused", count=len(problems)), style="red")

    def say_other(self, number: int) -> None:
        """Say that they are not what is in force."""
        err.print(say(self._language, "catalog.other", number=number), style="yellow")


def _supervise(language: Language, catalog: Path | None, more: Sequence[str]) -> int:
    """Run a worker in a child process, again and again; return the exit code of the last one."""

    def say_ended(code: int, delay_s: float) -> None:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        err.print(say(language, "worker.restarting", how=how, delay=round(delay_s)))

    options = ["--lang", language, *(["--catalog", str(catalog)] if catalog is not None else []), *more]
    command = [sys.executable, "-m", "citybrain.cli", "worker", "--with-parent", *options]
    return Supervisor(command, clock=SystemClock(), say=say_ended).run()


def _log_within_bounds() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    bounded = Bounded(SystemClock())
    for handler in logging.getLogger().handlers:
        handler.addFilter(bounded)
    # It complains whenever a topic is quiet, which is no fault.
    logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.ERROR)


def _end_with_parent() -> None:
    """Wait for the end of standard input, which is when the parent is gone, and stop in good order."""
    # The bare descriptor: a buffered reader would hold its lock while the process ends.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
