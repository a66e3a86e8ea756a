"""Keys as text: `apq_<id>_<secret>`. The secret has 256 random bits, so one fast digest keeps it.

A slow password hash would protect nothing here and cost every request its time.
"""

import hashlib
import secrets
from dataclasses import dataclass

from app.core import ids

_MARK = "apq"
_SECRET_BYTES = 32
_NO_DIGEST = "0" * 64  # of no secret


@dataclass(frozen=True, slots=True)
class Key:
    """A key in clear. It is shown when it is made and never again."""

    id: str
    secret: str

    @classmethod
    def new(cls) -> "Key":
        return cls(ids.digits(random_bytes=4), secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "Key | None":
        """None for what cannot be a key."""
        mark, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        return cls(key_id, secret) if mark == _MARK and key_id and secret else None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, digest: str | None) -> bool:
        """Whether this is the digested key; as slow for a key that does not exist."""
        return secrets.compare_digest(self.digest, digest or _NO_DIGEST)

    def __str__(self) -> str:
        return f"{_MARK}_{self.id}_{self.secret}"
