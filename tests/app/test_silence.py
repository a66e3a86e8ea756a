"""When a worker counts as hung."""

from datetime import UTC, datetime, timedelta

from app.engine.silence import Silence

HEARTBEAT = datetime(2026, 1, 1, tzinfo=UTC)


def test_only_a_heartbeat_that_stays_the_same_is_silence() -> None:
    at = 0.0
    silence = Silence(10, clock=lambda: at)
    assert not silence.is_too_long("a", HEARTBEAT)
    at = 10.0
    assert not silence.is_too_long("a", HEARTBEAT)
    at = 10.1
    assert silence.is_too_long("a", HEARTBEAT)
    assert not silence.is_too_long("b", HEARTBEAT)
    # However old the heartbeat says it is, it is news.
    assert not silence.is_too_long("a", HEARTBEAT - timedelta(days=1))


def test_a_worker_that_never_beats_is_silent_from_its_start() -> None:
    at = 0.0
    silence = Silence(10, clock=lambda: at)
    assert not silence.is_too_long("a", None)
    at = 11.0
    assert silence.is_too_long("a", None)
    silence.forget("a")
    assert not silence.is_too_long("a", None)
