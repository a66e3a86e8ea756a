"""Which job is claimed next, on a real database."""

import pytest

from app.accounts.tables import TenantRow
from app.core.clock import now
from app.core.database import Database
from app.jobs import transitions
from app.jobs.queue import UNLIMITED, Limits
from tests.app.jobs.rows import claim, end, queue


def training_on(ranks: int) -> dict[str, object]:
    method = {"name": "backprop", "ranks": ranks}
    return {"config": {"horizon": 24, "training_methods": {"forecaster": [method]}}}


def test_a_job_without_a_place_keeps_its_turn(database: Database) -> None:
    """Or small jobs would go by for ever while a large one waits."""
    queue(database, "large", **training_on(4))
    queue(database, "small")
    with database.write() as session:
        crowded = transitions.claim_next(
            session, now(), room=lambda needs: "later" if needs.ranks > 1 else "now"
        )
        assert crowded is None
        assert transitions.claim_next(session, now()) == ("large", 1)


def test_a_job_for_which_there_never_will_be_a_place_is_passed_over(database: Database) -> None:
    for number in range(3):
        queue(database, f"huge{number}", **training_on(16))
    queue(database, "small")
    with database.write() as session:
        claimed = transitions.claim_next(
            session, now(), room=lambda needs: "never" if needs.ranks > 1 else "now"
        )
    assert claimed == ("small", 1)


class TestClaim:
    def test_oldest_first_and_each_once(self, database: Database) -> None:
        queue(database, "b", "a")
        assert [claim(database), claim(database), claim(database)] == [("a", 1), ("b", 1), None]

    def test_cancelled_jobs_are_not_claimed(self, database: Database) -> None:
        queue(database, "a")
        with database.write() as session:
            transitions.request_cancel(session, "a", now())
        assert claim(database) is None


class TestOrder:
    @pytest.fixture(autouse=True)
    def tenants(self, database: Database) -> None:
        with database.write() as session:
            for name in ("t1", "t2"):
                session.add(TenantRow(id=name, name=name, created_at=now()))

    @staticmethod
    def order(database: Database, limits: Limits = UNLIMITED) -> str:
        found = []
        while (attempt := claim(database, limits)) is not None:
            found.append(attempt[0])
        return "".join(found)

    def test_tenants_take_turns(self, database: Database) -> None:
        queue(database, "a", "b", "c", "d", tenant_id="t1")
        queue(database, "x", "y", tenant_id="t2")
        assert self.order(database) == "axbycd"

    def test_turns_go_on_when_there_is_one_slot(self, database: Database) -> None:
        queue(database, "a", "b", "c", tenant_id="t1")
        queue(database, "x", "y", tenant_id="t2")
        found = []
        while (attempt := claim(database)) is not None:
            found.append(attempt[0])
            with database.write() as session:
                transitions.succeed(session, *attempt, now())
        assert "".join(found) == "axbyc"

    def test_priority_counts_among_a_tenants_own(self, database: Database) -> None:
        queue(database, "a", "b", tenant_id="t1")
        queue(database, "c", tenant_id="t1", priority=5)
        queue(database, "x", tenant_id="t2", priority=-5)
        assert self.order(database) == "cxab"

    def test_a_full_tenant_waits(self, database: Database) -> None:
        queue(database, "a", "b", "c", tenant_id="t1")
        queue(database, "x", tenant_id="t2")
        assert self.order(database, Limits(per_tenant=2)) == "axb"
        end(database, ("a", 1))
        assert self.order(database, Limits(per_tenant=2)) == "a"

    def test_a_full_key_waits(self, database: Database) -> None:
        queue(database, "a", "b", tenant_id="t1", account="k1")
        queue(database, "c", tenant_id="t1", account="k2")
        assert self.order(database, Limits(per_key=1)) == "ac"
