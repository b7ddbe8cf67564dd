"""Who is acting, and what they may do. Checked in the gerunds, not in the views."""

from dataclasses import dataclass
from enum import IntEnum

from breakers.errors import NotAllowed


class Role(IntEnum):
    """Each may do what the one below may."""

    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Role":
        """The role of that name; NONE for any other word."""
        return cls[name.upper()] if name.upper() in cls.__members__ else cls.NONE


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone (or a part of ours) that orders something. `address` is the client's."""

    name: str
    role: Role
    address: str = ""
    user_id: int | None = None
    token_id: int | None = None


# The board itself: leases that end, sweeps.
BOARD = Actor("breakerboard", Role.ADMIN)


def require(actor: Actor, role: Role, verb: str) -> None:
    """Let the actor pass, or raise NotAllowed with a sentence."""
    if actor.role < role:
        raise NotAllowed(f"{verb} needs the role {role.name.lower()}; {actor.name} is {actor.role.name.lower()}")
