"""`python -m autopq.search.trials.worker FD`: a process that runs trials for the one that started
it, and ends with it.

Over the socket `FD` it is given a work, says that it is ready, and from then on answers every
request with an outcome, until it is given another work.
"""

import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from queue import SimpleQueue

from autopq.search.trials.base import READY, TrialRequest, Work, attempt


def main() -> None:
    # Whoever stops the search ends its processes; a signal to their group is not meant for them.
    # Ignored signals would stay so in processes that a trial starts; a handler does not.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    connection: Connection = Connection(int(sys.argv[1]))
    inbox: SimpleQueue[Work | TrialRequest] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    work: Work | None = None
    while True:
        message = inbox.get()
        if isinstance(message, TrialRequest):
            assert work is not None
            connection.send(attempt(work, message, lambda: False))
        else:
            work = message
            connection.send(READY)


def _listen(connection: Connection, inbox: "SimpleQueue[Work | TrialRequest]") -> None:
    """On a thread of its own, so that the end of the other side is noticed in mid-trial."""
    try:
        while True:
            inbox.put(connection.recv())
    except EOFError:
        pass
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
