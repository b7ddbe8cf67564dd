"""Who may do what by the API: tokens. Browsers' users are Django's own, their role is the group they are in."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class ApiToken(models.Model):
    """A bearer token of the operators' API. Shown once; here is its SHA-256."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    role = models.CharField(max_length=10)
    token_id = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    created_at = MomentField()
    last_used_at = MomentField(null=True)
    revoked_at = MomentField(null=True)
