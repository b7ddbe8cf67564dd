"""Sessions: kept in the database under a hash of their key, so that a copy of the database signs nobody in.

Named in `SESSION_ENGINE`. The browser's cookie holds the key; the column `session_key` holds its SHA-256, cut to the column's 40 characters
(160 bits: as hard to guess as the key is).
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

KEPT = 40  # characters of the column


def kept_key(session_key: str) -> str:
    """What the database keeps of a session's key."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:KEPT]


class SessionStore(DatabaseStore):
    """Django's database sessions, looked up and stored by the hash of their key."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """The same table as Django's own."""
        return Session

    def load(self) -> dict[str, Any]:
        """The session's data; empty, and without a key, where there is none."""
        row = self.model.objects.filter(session_key=self._kept(), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
            return {}
        return dict(self.decode(row.session_data))

    async def aload(self) -> dict[str, Any]:
        """See load()."""
        row = await self.model.objects.filter(session_key=self._kept(), expire_date__gt=timezone.now()).afirst()
        if row is None:
            self._session_key = None
            return {}
        return dict(self.decode(row.session_data))

    def exists(self, session_key: str) -> bool:
        """Whether a session of this key is kept."""
        return bool(super().exists(kept_key(session_key)))

    async def aexists(self, session_key: str) -> bool:
        """See exists()."""
        return bool(await super().aexists(kept_key(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """The row that is stored: its key hashed."""
        row = super().create_model_instance(data)
        row.session_key = kept_key(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """See create_model_instance()."""
        row = await super().acreate_model_instance(data)
        row.session_key = kept_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one."""
        if key := session_key or self.session_key:
            self.model.objects.filter(session_key=kept_key(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        """See delete()."""
        if key := session_key or self.session_key:
            await self.model.objects.filter(session_key=kept_key(key)).adelete()

    def _kept(self) -> str:
        return kept_key(self.session_key or "")
