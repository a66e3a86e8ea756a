"""When a service may be used without a key: while none was ever made and only this machine can
reach it. What counts is the address it is bound to, never what a request says of its origin."""

import socket
from ipaddress import ip_address

from app.accounts import repository
from app.core.database import Database
from app.settings import Settings


class NeedsKeyError(Exception):
    """The service would be open to a network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The service is to listen on {host}, where other machines may reach it, and there "
            "is no key yet.\nMake one with `autopq keys create NAME` (for the same data folder or "
            "database), or listen on 127.0.0.1."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    if is_loopback_address(host):
        return True
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(host) and all(is_loopback_address(str(address[0])) for *_, address in found)


def is_loopback_address(text: str) -> bool:
    """Whether `text` is such an IP address. No name is looked up."""
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings, database: Database) -> None:
    """Raises NeedsKeyError for a service that everybody on a network could use."""
    if is_loopback(settings.host):
        return
    with database.look() as connection:
        if not repository.any_key(connection):
            raise NeedsKeyError(settings.host)
