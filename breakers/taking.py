"""Taking: what a post becomes: its signature checked, unpacked, decoded, each event checked and cut to what is kept."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from breakers import bodies
from breakers.domain.checking import check
from breakers.domain.plain import plain
from breakers.domain.reports import key_of, read_json
from breakers.domain.signatures import ID, SIGNATURE
from breakers.keys import KeyOwner
from breakers.models.fields import to_us
from breakers.readers import Reader
from breakers.retaining import retention
from breakers.signing import require_signed
from breakers.submissions import Submission


def take(owner: KeyOwner, headers: Mapping[bytes, bytes], body: bytes, read: Reader) -> Submission:
    """The body of a post of this key's owner, as it came over the wire. Errors: BadSignature, BadBody, Unreadable."""
    now = datetime.now(UTC)
    if owner.signing is not None:
        require_signed(owner.signing, headers, body, now)
    key = request_key(headers)
    encoding = headers.get(b"content-encoding")
    raw = body if encoding is None else bodies.unpacked(body, encoding.decode("latin-1").strip().lower())
    kept_for = timedelta(days=retention().days["events"])
    if read is read_json and not key:
        found = plain(raw, to_us(now), keeping=owner.keeping, kept_for=kept_for)
        if found:
            return Submission(owner.service_id, found, [], size=len(raw))
    batch = check(read(raw), to_us(now), idempotency_key=key or None, keeping=owner.keeping, kept_for=kept_for)
    submission = Submission(owner.service_id, batch.reports, batch.refusals, dropped=batch.dropped, size=len(raw))
    submission.alerts = batch.alerts
    if key:
        submission.request_key = key_of(key)
        submission.body_digest = hashlib.blake2b(raw, digest_size=16).digest()
    return submission


def request_key(headers: Mapping[bytes, bytes]) -> str:
    """What names this request, so that it can be repeated; empty where nothing does. Of two names, the signed one."""
    first, second = (ID, b"idempotency-key") if SIGNATURE in headers else (b"idempotency-key", ID)
    # Without the blanks around it, as it was signed: with one more, a post that was overheard is still the same.
    return (headers.get(first, b"").strip() or headers.get(second, b"").strip()).decode("latin-1")
