"""The uplink against a collector over real mTLS, when all is well and when it is not."""

import socket
import threading
import time

import grpc
import pytest
from helpers.backup import until
from helpers.faux_collector import Refusal
from helpers.outboxes import event
from helpers.uplinking import Bench

from tramgac_agent.uplink import channel, thread
from tramgac_agent.uplink.status import read_status
from tramgac_proto.v1 import fleet_pb2

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def keep_silent(until: threading.Event, seconds: float) -> None:
    """Do not answer for a while."""
    until.wait(seconds)


def test_what_was_stored_arrives_once_and_is_deleted(bench: Bench) -> None:
    """Records, their series, and how the agent is; then nothing waits on the agent."""
    bench.add(5)
    bench.start()
    until(bench.delivered)
    bench.add(2)
    until(bench.delivered)
    epoch = bench.collector.epochs[bench.box.epoch]
    assert sorted(epoch.records) == [1, 2, 3, 4, 5, 6, 7]
    assert epoch.doubles == 0
    calls = bench.collector.calls
    assert sum(len(one.series) for one in calls) == 1
    status = calls[0].status
    assert (len(status.instance), status.fingerprint, status.last_seq) == (16, b"f" * 32, 5)
    assert len(status.config_hash) == 64
    assert abs(status.sent_unix_ms - time.time() * 1000) < 60_000


def test_an_empty_call_is_the_heartbeat(bench: Bench) -> None:
    """With nothing to say the centre still hears of the agent, and the status file tells."""
    uplink = bench.start()
    until(lambda: len(bench.collector.calls) >= 3)
    assert bench.collector.sent()[:3] == [[], [], []]
    until(lambda: uplink.status.state == "ok")
    assert uplink.status.offset_ms == 1500
    read = read_status(bench.folder)
    assert read is not None
    assert read.state == "ok"
    assert read.last_ok_ms > 0


def test_an_event_is_not_kept_waiting(bench: Bench) -> None:
    """It pulls the report forward, but a flood of events makes no flood of calls."""
    uplink = bench.start(report_seconds=4.0)
    until(lambda: bench.collector.calls)
    for number in range(20):
        bench.box.append("outage", [event(number)], valid_seconds=1)
        uplink.wake()
        time.sleep(0.01)
    until(bench.delivered, 6.0)
    assert len([one for one in bench.collector.sent() if one]) == 1


def test_a_lost_ack_loses_and_doubles_nothing(bench: Bench) -> None:
    """Stored but not acknowledged: sent again, stored once."""
    lost = iter([True, True, False])

    def lose(request: fleet_pb2.ReportRequest) -> Refusal | None:
        if len(request.records) and next(lost, False):
            return grpc.StatusCode.UNAVAILABLE, "gone"
        return None

    bench.collector.after = lose
    bench.add(10)
    bench.start()
    until(bench.delivered)
    epoch = bench.collector.epochs[bench.box.epoch]
    assert sorted(epoch.records) == list(range(1, 11))
    assert epoch.doubles == 20


def test_the_collector_may_restart_and_forget_the_series(bench: Bench) -> None:
    """A closed port is tried again; series are defined again when asked for."""
    bench.add(3)
    uplink = bench.start()
    until(bench.delivered)
    bench.collector.stop()
    bench.add(3)
    until(lambda: uplink.status.reason == "unreachable")
    bench.collector.epochs[bench.box.epoch].series.clear()
    bench.collector.start()
    until(bench.delivered)
    assert bench.collector.stored(bench.box.epoch) == set(range(1, 7))


def test_after_an_outage_the_state_comes_first(bench: Bench) -> None:
    """Newest of each stream, then live records beside the backlog, oldest first."""
    for _ in range(3):
        bench.add(400, "disk")
        bench.add(5, "link")
    bench.start()
    until(lambda: len([one for one in bench.collector.sent() if one]) >= 2)
    bench.add(1, "uptime")
    until(bench.delivered)
    sent = [one for one in bench.collector.sent() if one]
    assert sent[0] == [1215, 1210]
    live = next(place for place, one in enumerate(sent) if 1216 in one)
    last_of_backlog = max(place for place, one in enumerate(sent) if min(one) < 1210)
    assert live <= last_of_backlog
    backlog = [seq for one in sent[1:] for seq in one if seq < 1210]
    assert backlog == sorted(backlog)
    assert bench.collector.stored(bench.box.epoch) == set(range(1, 1217))
    assert bench.collector.epochs[bench.box.epoch].doubles == 0


def test_too_large_a_batch_is_halved(bench: Bench) -> None:
    """RESOURCE_EXHAUSTED means smaller, not lost."""
    bench.collector.before = lambda one: (EXHAUSTED, "large") if len(one.records) > 7 else None
    bench.add(60)
    bench.start()
    until(bench.delivered)
    assert bench.collector.stored(bench.box.epoch) == set(range(1, 61))
    assert bench.box.stats().lost == {}


@pytest.mark.parametrize("code", [EXHAUSTED, INVALID])
def test_one_refused_record_is_found_and_set_aside(bench: Bench, code: grpc.StatusCode) -> None:
    """All others arrive; a gap record tells the centre of this one."""
    bench.collector.before = lambda one: (
        (code, "no") if any(record.seq == 13 for record in one.records) else None
    )
    bench.add(30)
    bench.start()
    until(bench.delivered)
    assert bench.collector.stored(bench.box.epoch) == set(range(1, 32)) - {13}
    gap = bench.collector.epochs[bench.box.epoch].records[31].gap
    assert (gap.reason, gap.ranges[0].first) == ("quarantined", 13)
    assert bench.box.stats().quarantined == 1


def test_a_collector_without_room_costs_no_record(bench: Bench) -> None:
    """It refuses even an empty call, so it is not the record's fault."""
    bench.collector.before = lambda _: (EXHAUSTED, "busy")
    bench.add(3)
    uplink = bench.start()
    until(lambda: len(bench.collector.calls) > 12)
    assert bench.box.stats().quarantined == 0
    assert uplink.status.reason == "resource_exhausted"
    bench.collector.before = lambda _: None
    until(bench.delivered)


def test_a_collector_restored_from_a_backup_gets_it_again(bench: Bench) -> None:
    """Only the last ack counts: what it forgot and we still have is sent again."""
    bench.collector.change = lambda one: one.ClearField("contiguous_seq")
    bench.add(4)
    bench.start()
    until(lambda: bench.collector.stored(bench.box.epoch) == {1, 2, 3, 4})
    bench.collector.epochs[bench.box.epoch].records.clear()
    until(lambda: bench.collector.stored(bench.box.epoch) == {1, 2, 3, 4})
    bench.collector.change = lambda _: None
    until(bench.delivered)


def test_a_black_hole_is_left_behind(bench: Bench) -> None:
    """Accepts, never answers: deadlines pass, the connection is built anew, all arrives."""
    bench.collector.stop()
    bench.add(3)
    with socket.create_server(("127.0.0.1", bench.collector.port)) as hole:
        uplink = bench.start()
        until(lambda: uplink.status.failures >= 1)
        assert uplink.status.reason in {"deadline", "unreachable"}
        hole.close()
    bench.collector.start()
    until(bench.delivered)


def test_no_answer_builds_a_new_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three deadlines in a row on a live connection: it may be dead without knowing."""
    built: list[object] = []
    real = channel.open_channel

    def counted(*args: object) -> object:
        built.append(args)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(thread, "open_channel", counted)
    silent = threading.Event()
    bench.collector.before = lambda _: keep_silent(silent, 1.0)
    bench.add(1)
    bench.start()
    until(lambda: len(built) == 2)
    silent.set()
    until(bench.delivered)


def test_stopping_does_not_wait_for_an_answer(bench: Bench) -> None:
    """A call that hangs is cancelled; what waits stays."""
    go_on = threading.Event()
    bench.collector.before = lambda _: keep_silent(go_on, 10.0)
    bench.add(2)
    uplink = bench.start()
    until(lambda: bench.collector.calls)
    began = time.monotonic()
    uplink.stop(5.0)
    assert time.monotonic() - began < 0.9
    assert uplink.status.state == "stopped"
    assert bench.box.stats().records == 2
    go_on.set()


def test_a_refused_agent_keeps_away(bench: Bench) -> None:
    """Denied at the centre: reason shown, back-off in minutes, nothing deleted."""
    bench.collector.before = lambda _: (grpc.StatusCode.PERMISSION_DENIED, "cloned")
    bench.add(1)
    uplink = bench.start()
    until(lambda: uplink.status.failures >= 2)
    assert (uplink.status.state, uplink.status.reason) == ("refused", "cloned")
    assert bench.box.stats().records == 1


def test_asked_to_wait_it_waits(bench: Bench) -> None:
    """``retry_after_ms`` of an answer and of a refusal are kept."""

    def hold(response: fleet_pb2.ReportResponse) -> None:
        response.retry_after_ms = 800

    bench.collector.change = hold
    uplink = bench.start()
    until(lambda: bench.collector.calls)
    time.sleep(0.7)
    assert len(bench.collector.calls) == 1
    bench.collector.trailing = (("retry-after-ms", "800"),)
    bench.collector.before = lambda _: (grpc.StatusCode.UNAVAILABLE, "busy")
    until(lambda: len(bench.collector.calls) == 2)
    until(lambda: uplink.status.reason == "busy")
    time.sleep(0.7)
    assert len(bench.collector.calls) == 2


def test_wishes_go_out_and_leases_come_in(bench: Bench) -> None:
    """Throughput tests are asked for and granted on the calls that are made anyway."""
    bench.desk.wish(fleet_pb2.LeaseRequest(target="core", direction="send", proves="floor"))

    def grant(response: fleet_pb2.ReportResponse) -> None:
        if any(one.lease_requests for one in bench.collector.calls):
            response.leases.append(b"token")

    bench.collector.change = grant
    bench.start()
    assert bench.desk.take_granted(timeout=10.0)[:1] == [b"token"]
    assert sum(len(one.lease_requests) for one in bench.collector.calls) == 1


def test_an_outbox_put_back_in_time_starts_over(bench: Bench) -> None:
    """The centre knows numbers this disk never gave: a new epoch, nothing mistaken for old."""
    bench.add(3)
    epoch = bench.box.epoch
    foreign = fleet_pb2.SeqRange(first=50, last=60)
    bench.collector.change = lambda one: one.ranges.append(foreign)
    bench.start()
    until(lambda: bench.box.epoch != epoch)
    bench.collector.change = lambda _: None
    until(bench.delivered)
    assert bench.collector.stored(bench.box.epoch) == {1, 2, 3}
