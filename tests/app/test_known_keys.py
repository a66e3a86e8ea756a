"""Who asked a moment ago is known without the database, for a moment."""

from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.known_keys import KnownKeys
from app.core.freshness import FRESH_S
from app.core.principal import ANYBODY, Principal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOMEBODY = Principal("tenant", "key", frozenset({"read"}))


class Known(KnownKeys):
    def __init__(self) -> None:
        self.time = 0.0
        super().__init__(clock=lambda: self.time)


@pytest.fixture
def known() -> Known:
    found = Known()
    found.note("Bearer a", SOMEBODY, NOON + timedelta(hours=1), found.now())
    found.note(None, ANYBODY, None, found.now())
    return found


def test_each_header_has_its_bearer(known: Known) -> None:
    assert known.find("Bearer a", NOON) is SOMEBODY
    assert known.find(None, NOON) is ANYBODY
    assert known.find("Bearer b", NOON) is None
    assert known.find("", NOON) is None


def test_nobody_is_known_for_longer_than_a_moment(known: Known) -> None:
    known.time = FRESH_S + 0.01
    assert known.find("Bearer a", NOON) is None
    assert known.find(None, NOON) is None


def test_one_looks_again_before_the_others_have_to(known: Known) -> None:
    known.time = 0.8 * FRESH_S
    assert known.find("Bearer a", NOON) is None
    assert known.find("Bearer a", NOON) is SOMEBODY
    assert known.find(None, NOON) is None
    known.note("Bearer a", SOMEBODY, None, known.now())
    known.time = 1.2 * FRESH_S
    assert known.find("Bearer a", NOON) is SOMEBODY
    assert known.find(None, NOON) is None


def test_what_was_refused_once_is_not_let_in_again(known: Known) -> None:
    known.time = 0.8 * FRESH_S
    assert known.find("Bearer a", NOON) is None
    began = known.now()
    known.refuse("Bearer a")
    assert known.find("Bearer a", NOON) is None
    known.note("Bearer a", SOMEBODY, None, began)  # a lookup that the refusal overtook
    assert known.find("Bearer a", NOON) is None
    known.refuse("Bearer b")  # that nobody knew


def test_an_expiry_counts_at_once(known: Known) -> None:
    assert known.find("Bearer a", NOON + timedelta(hours=1)) is None


def test_all_are_forgotten_when_a_key_changes(known: Known) -> None:
    known.forget()
    assert known.find("Bearer a", NOON) is None
    assert known.find(None, NOON) is None


def test_a_lookup_that_a_revocation_overtook_is_not_noted(known: Known) -> None:
    began = known.now()
    known.time = 0.1
    known.forget()
    known.time = 0.2
    known.note("Bearer a", SOMEBODY, None, began)
    assert known.find("Bearer a", NOON) is None
    known.note("Bearer a", SOMEBODY, None, known.now())
    assert known.find("Bearer a", NOON) is SOMEBODY
