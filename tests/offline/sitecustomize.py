"""Python loads this at start if its folder is on PYTHONPATH: tests and notebook kernels reach only loopback.

An audit hook sees every connection that Python code opens, whichever library opens it, and cannot be undone.
"""

import os
import sys


class NetworkBlocked(OSError):
    """Raised in place of a connection, and an OSError as a missing network would raise."""


def _is_local(host: object) -> bool:
    import ipaddress

    host = host.decode() if isinstance(host, bytes) else host
    if not isinstance(host, str) or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _check(event: str, args: tuple) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = args[1][0] if isinstance(args[1], tuple) else None  # a path: a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    else:
        return
    if not _is_local(host):
        raise NetworkBlocked(
            f"tests and notebooks under pytest reach only loopback, not {host!r}; "
            "serve what they need on 127.0.0.1, or mark the test `network` and set REEF_NETWORK=1"
        )


if os.environ.get("REEF_NETWORK") != "1":
    sys.addaudithook(_check)
