"""`/metrics` of registrar, ballot box and site, in Prometheus' text format: what is in the log, and what is amiss.

Whoever watches a number every few seconds learns when it moved. A count of tokens, casts or answers, or the processor
time of the process, would so tell the moment at which somebody asked for a token or voted, and the batches of the log
exist to hide just that. Hence the rule: every number here follows from the published log, the manifest, or whether the
service is ready, and moves with a batch or an officer's act. The head's time is that of its hour.

Left out on purpose:

- answers by status, requests, durations, waiting ballots, issued tokens, by batch or by hour: a batch waits for a
  number of different tokens, in a quiet night for hours, and a count by the hour would undo that. A worker also knows
  only its own answers. Failures are in the log lines (`logs`);
- the client library's own numbers on process and memory, which move with each request;
- counts for options: they are in the log's result, for people to read and verify.

The registrar has no log beside it, so it says when voting is and whether it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stembus.audit.formats.manifest import Manifest
from stembus.webvote.health import Check

PHASES = ("setup", "open", "closed", "tallied", "cancelled", "abandoned")
HOUR = 3600


@dataclass(frozen=True, slots=True)
class LogFigures:
    """A log at one head. `head_time` is the head's quorum time, Unix seconds; `waits` says whether entries wait for
    their quorum, None where that cannot be seen."""

    entries: int
    batches: int
    ballots: int
    phase: str
    head_time: int | None
    waits: bool | None = None


def add_metrics(
    app: Flask, manifest: Manifest, checks: Sequence[Check], figures: Callable[[], LogFigures] | None = None
) -> None:
    """`figures` reads the log; when it raises, the figures are left out and `checks` say why."""
    # A registry of our own: the library's default one brings the process's numbers.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(manifest, checks, figures))

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Figures(Collector):
    """Made anew at each request; nothing is remembered between two of them."""

    def __init__(self, manifest: Manifest, checks: Sequence[Check], figures: Callable[[], LogFigures] | None) -> None:
        self._manifest = manifest
        self._checks = checks
        self._figures = figures

    def describe(self) -> Iterator[Metric]:
        """Nothing is read when the app is made."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("stembus_ready", "1 when this can be used.", labels=["check"])
        for check in self._checks:
            ready.add_metric([check.name], check.holds())
        yield ready
        yield _gauge("stembus_opens_timestamp_seconds", "When voting opens.", self._manifest.opens_at)
        yield _gauge("stembus_closes_timestamp_seconds", "When voting closes.", self._manifest.closes_at)
        if self._figures is not None:
            yield from _of_log(self._figures)


def _of_log(read: Callable[[], LogFigures]) -> Iterator[Metric]:
    try:
        log = read()
    except Exception:  # `stembus_ready` says it
        return
    yield _gauge("stembus_log_entries", "Entries of the log.", log.entries)
    yield _gauge("stembus_log_batches", "Batches of ballots in the log.", log.batches)
    yield _gauge("stembus_log_ballots", "Ballots in the log, in all batches together.", log.ballots)
    phase = GaugeMetricFamily("stembus_log_phase", "1 for the phase that the log is in.", labels=["phase"])
    for name in PHASES:
        phase.add_metric([name], log.phase == name)
    yield phase
    if log.head_time is not None:
        hour = log.head_time // HOUR * HOUR
        yield _gauge("stembus_log_head_timestamp_seconds", "The hour in which a quorum saw the head.", hour)
    if log.waits is not None:
        yield _gauge("stembus_log_head_waits", "1 while entries wait for a quorum of witnesses.", log.waits)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)
