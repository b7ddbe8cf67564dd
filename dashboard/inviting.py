"""Inviting: people come in by a link that works once and for 24 hours. Nobody has a password that they did not choose.

The first link makes the first admin; it is worth nothing once there is one.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import BreakersError, Conflict, Invalid
from breakers.signals import access_changed
from dashboard.models import Invitation
from dashboard.tries import free

VALID_FOR = timedelta(hours=24)


class Invited(NamedTuple):
    """A person, and their link; None: nothing was made."""

    user: User
    link: str | None


class LinkIsOver(BreakersError):
    """The link was used, is too old, or never was one."""


def first_link(at: datetime) -> str | None:
    """A new link for the first admin, in place of older ones; None where there is an admin."""
    with bulk.writing():
        if _has_admin():
            return None
        Invitation.objects.filter(user=None).delete()
        return _new_link(None, at)


def add_user(actor: Actor, name: str, role: Role, *, at: datetime, new_link: bool = False) -> Invited:
    """The person of that name, made with a link where missing; `new_link` gives one more, which sets a new password.

    Errors: NotAllowed, Invalid (the name, no role), Conflict (there with another role).
    """
    require(actor, Role.ADMIN, "adding a person")
    if role is Role.NONE:
        raise Invalid(("role", "the role of a person is one of viewer, operator, admin"))
    with bulk.writing():
        user = User.objects.filter(username=name).first()
        if user is None:
            user = _new_user(name, role)
            auditing.write(actor, "user.add", "user", user.pk, name, after={"role": role.name.lower()}, at=at)
            return Invited(user, _new_link(user, at))
        if not user.groups.filter(name=role.name.lower()).exists():
            known = ", ".join(user.groups.values_list("name", flat=True)) or "without a role"
            raise Conflict(f"'{name}' is {known}, not {role.name.lower()}")
        if not new_link:
            return Invited(user, None)
        Invitation.objects.filter(user=user).delete()
        auditing.write(actor, "user.invite", "user", user.pk, name, at=at)
        return Invited(user, _new_link(user, at))


def unlock(actor: Actor, name: str, *, at: datetime) -> bool:
    """Let a person try again at once, after too many failed sign-ins; whether there is such a person. Errors: NotAllowed."""
    require(actor, Role.ADMIN, "unlocking a person")
    with bulk.writing():
        user = User.objects.filter(username=name).first()
        if user is None:
            return False
        auditing.write(actor, "user.unlock", "user", user.pk, name, at=at)
    free(name)
    return True


def find(token: str, at: datetime) -> Invitation:
    """The invitation behind a link that still works. Reads only.

    Errors: LinkIsOver.
    """
    invitation = Invitation.objects.select_related("user").filter(digest=_digest(token)).first()
    if invitation is None or invitation.used_at is not None or invitation.expires_at <= at:
        raise LinkIsOver("this link was used already, or is older than 24 hours")
    if invitation.user is None and _has_admin():
        raise LinkIsOver("this board has an admin; ask them for a link of your own")
    if invitation.user is not None and not invitation.user.is_active:
        raise LinkIsOver(f"'{invitation.user.get_username()}' may no longer sign in")
    return invitation


def accept(token: str, name: str, password: str, *, address: str, at: datetime) -> User:
    """Use the link: the person has the password, the first one the name too and the role admin.

    Errors: LinkIsOver, Invalid (name, password).
    """
    with bulk.writing():
        invitation = find(token, at)
        user = invitation.user or _new_user(name, Role.ADMIN)
        _set_password(user, password)
        Invitation.objects.filter(pk=invitation.pk).update(used_at=at, user=user)
        role = max((Role.named(group) for group in user.groups.values_list("name", flat=True)), default=Role.NONE)
        actor = Actor(user.get_username(), role, address, user_id=user.pk)
        auditing.write(actor, "user.welcome", "user", user.pk, user.get_username(), at=at)
        user_id = user.pk
        bulk.after_commit(lambda: _announce(user_id))
        return user


def _announce(user_id: int) -> None:
    access_changed.send_robust(sender=User, user_id=user_id, reason="a new password")


def _has_admin() -> bool:
    return User.objects.filter(groups__name="admin", is_active=True).exists()


def _new_user(name: str, role: Role) -> User:
    user = User(username=User.normalize_username(name.strip()), is_active=True)
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise Invalid(*(("username", sentence) for sentence in error.messages)) from error
    user.save(force_insert=True)
    user.groups.add(Group.objects.get(name=role.name.lower()))
    return user


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(*(("password", sentence) for sentence in error.messages)) from error
    user.set_password(password)
    user.save(update_fields=["password"])


def _new_link(user: User | None, at: datetime) -> str:
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(user=user, digest=_digest(token), created_at=at, expires_at=at + VALID_FOR)
    return f"{settings.SITE_URL}/welcome/{token}/"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
