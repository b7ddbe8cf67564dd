"""Acts of access that repeat: the first one is a line of the audit trail, the others of the hour are counted here, and told in one more line."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class AccessCount(models.Model):
    """One kind of act by one actor from one network, within an hour from its first."""

    verb = models.CharField(max_length=40)
    actor = models.CharField(max_length=NAME_LENGTH)
    role = models.CharField(max_length=10)
    network = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    detail = models.CharField(max_length=200)
    first_at = MomentField()
    last_at = MomentField()
    # How many came after the one that has its line.
    more = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["verb", "actor", "network"], name="one_count_an_act")]


class KeyNetwork(models.Model):
    """A network from which a key or token was used, so that a new one is noticed. `kind`: `key` or `token`; `public_id`: its public part."""

    kind = models.CharField(max_length=5)
    public_id = models.CharField(max_length=8)
    network = models.CharField(max_length=64)
    first_at = MomentField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "public_id", "network"], name="one_network_a_key")]
