"""The rows of the dashboard itself."""

from django.conf import settings
from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Invitation(models.Model):
    """A sign-in link that works once. The link itself is shown once; here is its token's SHA-256."""

    digest = models.CharField(max_length=64, unique=True)
    # Whose password it sets; null: the first person's, who chooses a name and becomes an admin.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="invitations")
    created_at = MomentField()
    expires_at = MomentField()
    used_at = MomentField(null=True)


class Preference(models.Model):
    """How one person wants to see the board."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="preference")
    # The wall's form: cards, rows or strips; empty: by the number of breakers.
    density = models.CharField(max_length=10, default="", blank=True)


class SavedView(models.Model):
    """A query of the wall that a person keeps under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)
    created_at = MomentField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_view_a_name")]


class ScreenLink(models.Model):
    """A link that opens the wall, and nothing else, on a screen without a person. Here is its token's SHA-256."""

    name = models.CharField(max_length=NAME_LENGTH)
    # What the screen shows, in the wall's query language; empty: everything.
    query = models.CharField(max_length=500, default="", blank=True)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.CharField(max_length=NAME_LENGTH)
    created_at = MomentField()
    expires_at = MomentField()
    revoked_at = MomentField(null=True)
