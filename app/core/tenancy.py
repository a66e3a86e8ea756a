"""Tenants never see each other's rows.

A session that is opened for a tenant adds the tenant to every query on the tables that belong to
tenants, and stamps it on every row that is added to them. What is opened for nobody (workers, the
supervisor) sees all rows and stamps none.
"""

from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import (
    Mapped,
    ORMExecuteState,
    Session,
    UOWTransaction,
    mapped_column,
    with_loader_criteria,
)

TENANT = "tenant_id"  # key into `Session.info`


class TenantOwned:
    """Mixin of tables whose rows belong to one tenant."""

    tenant_id: Mapped[str] = mapped_column(String(48), ForeignKey("tenant.id"))


def confine(state: ORMExecuteState) -> None:
    """Listener of `do_orm_execute`: add the session's tenant to the statement."""
    tenant_id = state.session.info.get(TENANT)
    if tenant_id is not None:
        state.statement = state.statement.options(
            with_loader_criteria(
                TenantOwned, lambda owned: owned.tenant_id == tenant_id, include_aliases=True
            )
        )


def stamp(session: Session, _: UOWTransaction, __: Any) -> None:
    """Listener of `before_flush`: rows that are added are the session's tenant's."""
    tenant_id = session.info.get(TENANT)
    if tenant_id is None:
        return
    for row in session.new:
        if isinstance(row, TenantOwned):
            row.tenant_id = tenant_id
