"""Who acts at the command line: the system's user, who may do everything there."""

import os
import pwd
import socket

from breakers.access import Actor, Role


def system_actor() -> Actor:
    """The user of the operating system, as the audit trail names them: `ada (command line)`, at this host."""
    return Actor(f"{_user()} (command line)", Role.ADMIN, socket.gethostname()[:64])


def _user() -> str:
    # Behind sudo it is who called it.
    if os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"][:60]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
