"""Secrets that must be read again: only by this board, only at their place."""

from typing import Any

import pytest

from breakers.errors import Unreadable
from breakers.models import Service
from breakers.sealing import is_current, place_of, seal, unseal
from dashboard import env

SECRET = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
PLACE = "breakers_service.signing_secret.17"
OLD, NEW = "o" * 32, "n" * 32


def test_what_is_sealed_is_read_again() -> None:
    sealed = seal(SECRET, PLACE)
    assert SECRET not in sealed
    assert unseal(sealed, PLACE) == SECRET
    assert seal(SECRET, PLACE) != sealed, "the same text twice must not show"
    assert unseal(seal("ü 🙂", PLACE), PLACE) == "ü 🙂"


def test_a_place_is_a_table_a_column_and_a_row() -> None:
    assert place_of(Service(pk=17), "signing_secret") == PLACE


def test_copied_to_another_row_it_is_not_read() -> None:
    with pytest.raises(Unreadable, match=r"signing_secret\.18 is damaged, or was moved there"):
        unseal(seal(SECRET, PLACE), PLACE.replace("17", "18"))


@pytest.mark.parametrize(
    "spoil", [lambda s: s[:-6] + "AAAAA=", lambda s: s[:40], lambda s: s[:30] + "ü", lambda s: s + "%"]
)
def test_a_damaged_one_is_named_by_its_place(spoil: Any) -> None:
    with pytest.raises(Unreadable, match="is damaged"):
        unseal(spoil(seal(SECRET, PLACE)), PLACE)


@pytest.mark.parametrize("text", ["", SECRET, "s2.aaaa.bbbb"])
def test_what_was_never_sealed_is_not_taken_for_it(text: str) -> None:
    with pytest.raises(Unreadable, match="is no sealed text"):
        unseal(text, PLACE)


def test_the_first_key_writes_and_all_of_them_read(settings: Any) -> None:
    by_secret_key = seal(SECRET, PLACE)
    settings.ENCRYPTION_KEYS = (OLD,)
    by_old = seal(SECRET, PLACE)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    assert [unseal(each, PLACE) for each in (by_secret_key, by_old, seal(SECRET, PLACE))] == [SECRET] * 3
    assert [is_current(each) for each in (by_secret_key, by_old, seal(SECRET, PLACE))] == [False, False, True]
    settings.ENCRYPTION_KEYS = (NEW,)
    with pytest.raises(Unreadable, match="which is not among ENCRYPTION_KEYS, SECRET_KEY and SECRET_KEY_FALLBACKS"):
        unseal(by_old, PLACE)


def test_a_new_secret_key_reads_what_the_old_one_sealed_while_it_is_a_fallback(settings: Any) -> None:
    before = settings.SECRET_KEY
    sealed = seal(SECRET, PLACE)
    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable):
        unseal(sealed, PLACE)
    settings.SECRET_KEY_FALLBACKS = [before]
    assert unseal(sealed, PLACE) == SECRET


def test_a_short_key_ends_the_start_and_is_not_printed(tmp_path: Any) -> None:
    environ = {"DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": f"{OLD} short"}
    with pytest.raises(env.BadSetting) as raised:
        env.read(environ)
    assert str(raised.value) == "key 2 of ENCRYPTION_KEYS has 5 characters; expected 32 or more"
    environ["ENCRYPTION_KEYS"] = f"{NEW} {OLD}"
    assert env.read(environ).encryption_keys == (NEW, OLD)
