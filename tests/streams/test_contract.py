"""The contract with Faust: whoever upgrades it is told which method has changed."""

from importlib.metadata import version

import faust.streams
import pytest

import streams.contract
from citybrain.errors import MissingError
from streams.contract import METHODS, PACKAGE, TESTED, faults, found, require_tested_faust
from streams.transport import ChunkConsumer, _PatientThread

NEW_FAUST = "read the method anew in Faust's source, run the tests of streams/, and note its digest"


def test_the_installed_faust_is_the_tested_one() -> None:
    assert version(PACKAGE) == TESTED
    changed = {name: digest for name, digest in found().items() if digest != METHODS[name]}
    assert changed == {}, NEW_FAUST
    require_tested_faust()


def test_every_method_that_the_transport_overrides_is_in_the_contract() -> None:
    leaned_on = {name.rpartition(".")[2] for name in METHODS}
    ours = {"begin", "logger"}  # Faust gives each service class a logger.
    overridden = {name for owner in (ChunkConsumer, _PatientThread) for name in vars(owner)} - ours
    assert {name for name in overridden if not name.startswith("__") and not name.startswith("_abc")} <= leaned_on


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"version": lambda _: "0.15.4"}, "faust-streaming is 0.15.4, expected 0.15.3", id="version"),
        pytest.param(
            {"METHODS": {**METHODS, "faust.transport.consumer.Consumer.getmany": "0" * 16}},
            r"faust\.transport\.consumer\.Consumer\.getmany is not as it is in faust-streaming 0\.15\.3; run `pip",
            id="method",
        ),
        pytest.param(
            {"METHODS": {"faust.transport.consumer.Consumer.gone": "0" * 16}}, "gone is not as it is", id="gone"
        ),
    ],
)
def test_another_faust_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], text: str
) -> None:
    for name, value in change.items():
        monkeypatch.setattr(streams.contract, name, value)
    with pytest.raises(MissingError, match=text):
        require_tested_faust()


def test_pure_python_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust.streams, "_CStreamIterator", None)
    assert [fault for fault in faults() if "NO_CYTHON" in fault]
