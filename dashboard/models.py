"""The rows of the dashboard itself."""

from django.conf import settings
from django.db import models

from breakers.models.fields import MomentField


class Invitation(models.Model):
    """A sign-in link that works once. The link itself is shown once; here is its token's SHA-256."""

    digest = models.CharField(max_length=64, unique=True)
    # Whose password it sets; null: the first person's, who chooses a name and becomes an admin.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="invitations")
    created_at = MomentField()
    expires_at = MomentField()
    used_at = MomentField(null=True)
