"""Shows, names, hands out and removes models. It loads none."""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.accounts import repository as accounts
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession
from app.core.errors import ConflictError, invalid
from app.forecasts import repository as forecasts
from app.models import repository
from app.models.schemas import Model
from app.models.tables import ModelRow

_CHUNK = 2**20
_IN_MEMORY = 8 * 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same archive whenever it is made


@dataclass(frozen=True)
class Archive:
    """An open file with a model's files as a ZIP, and what is in it."""

    file: IO[bytes]
    size_bytes: int
    sha256: bytes


def views(session: ReadSession, rows: Sequence[ModelRow]) -> list[Model]:
    """The models as the API shows them."""
    aliases = repository.aliases_of(session, rows)
    jobs = repository.jobs_of(session, rows)
    return [
        Model.model_validate(
            {
                **{name: getattr(row, name) for name in Model.model_fields if hasattr(row, name)},
                "aliases": aliases[row.id],
                "dataset_id": jobs[row.job_id].dataset_id,
                "dataset_version": jobs[row.job_id].dataset_version,
            }
        )
        for row in rows
    ]


def promote(context: RequestContext, reference: str, alias: str) -> Model:
    """Raises NotFoundError, InvalidRequestError."""
    if alias == repository.LATEST:
        raise invalid("alias", "'latest' is the newest version of itself.", "Choose another.")
    with context.write() as session:
        accounts.hold_tenant(session, context.principal.tenant_id)
        row = repository.hold(session, reference)
        repository.promote(session, row, alias, now())
        session.flush()
        return views(session, [row])[0]


def delete(context: RequestContext, reference: str) -> None:
    """Forget a model and remove its files. Raises NotFoundError, ConflictError."""
    with context.write() as session:
        row = repository.hold(session, reference)
        user = forecasts.unfinished_of(session, row.id)
        if user is not None:
            raise ConflictError(f"'{user}' still uses the model; wait for its end.")
        repository.remove(session, row, now())
    context.storage.discard(context.storage.attempt_model(row.job_id, row.attempt))


def archive(context: RequestContext, reference: str) -> Archive:
    """The model's files as one ZIP; unpacked they are what `FittedModel.load` reads.

    Raises NotFoundError."""
    with context.read() as session:
        row = repository.get(session, reference)
    folder = context.storage.bring(context.storage.attempt_model(row.job_id, row.attempt))
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by who sends it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                _pack(packed, path, f"{row.name}-{row.version}/{path.relative_to(folder)}")
        size = file.tell()
        file.seek(0)
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Archive(file, size, digest.digest())


def _pack(packed: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, _CHUNK)
