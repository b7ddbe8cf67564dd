"""Rollups: the events of a breaker, counted in buckets.

Both tables are made by hand in the migration (WITHOUT ROWID on SQLite, keys in the order that was measured best);
Django only knows them. Reads and writes are SQL in `bulk.py` and `queries.py`.
"""

from django.db import models

OUTCOMES = ("success", "failure", "timeout", "rejected", "slow", "retry", "fallback", "ignored")
# Upper ends of the duration bins in ms; the 16th bin is all above.
DURATION_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)
DURATION_COLUMNS = tuple(f"d{i}" for i in range(16))
COUNTERS = (*OUTCOMES, "duration_sum_ms", "duration_max_ms", *DURATION_COLUMNS)


class Counters(models.Model):
    """What a bucket counts."""

    success = models.BigIntegerField(default=0)
    failure = models.BigIntegerField(default=0)
    timeout = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    slow = models.BigIntegerField(default=0)
    retry = models.BigIntegerField(default=0)
    fallback = models.BigIntegerField(default=0)
    ignored = models.BigIntegerField(default=0)
    duration_sum_ms = models.FloatField(default=0)
    duration_max_ms = models.FloatField(default=0)
    d0 = models.BigIntegerField(default=0)
    d1 = models.BigIntegerField(default=0)
    d2 = models.BigIntegerField(default=0)
    d3 = models.BigIntegerField(default=0)
    d4 = models.BigIntegerField(default=0)
    d5 = models.BigIntegerField(default=0)
    d6 = models.BigIntegerField(default=0)
    d7 = models.BigIntegerField(default=0)
    d8 = models.BigIntegerField(default=0)
    d9 = models.BigIntegerField(default=0)
    d10 = models.BigIntegerField(default=0)
    d11 = models.BigIntegerField(default=0)
    d12 = models.BigIntegerField(default=0)
    d13 = models.BigIntegerField(default=0)
    d14 = models.BigIntegerField(default=0)
    d15 = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class Rollup10s(Counters):
    """Buckets of 10 s, written with the events. Keyed (at, breaker_id): the fresh rows of all breakers share few pages."""

    at = models.BigIntegerField(primary_key=True)  # seconds since 1970, a multiple of 10
    breaker_id = models.BigIntegerField()

    class Meta(Counters.Meta):
        managed = False
        db_table = "breakers_rollup_10s"


class Rollup(Counters):
    """Buckets of 60, 900 and 21,600 s, folded from the finer ones. Keyed (breaker_id, width, at)."""

    breaker_id = models.BigIntegerField(primary_key=True)
    width = models.IntegerField()
    at = models.BigIntegerField()  # seconds since 1970, a multiple of width

    class Meta(Counters.Meta):
        managed = False
        db_table = "breakers_rollup"
