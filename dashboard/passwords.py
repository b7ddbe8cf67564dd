"""Passwords: how hard one is to guess, as zxcvbn reckons it: by lists of common passwords, names and words, by dates, repeats and rows of keys."""

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

# Of five grades, 0 to 4: over 10^10 guesses.
LEAST = 4
# Longer ones are not looked at beyond this: the time it takes grows with the length.
LOOKED_AT = 72


class GuessValidator:
    """Refuses what is guessed in fewer than 10^10 tries. Named in AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Errors: ValidationError with what is wrong, and what would help."""
        own = ["breakerboard", *([user.get_username()] if user else [])]
        found = zxcvbn(password[:LOOKED_AT], user_inputs=own)
        if found["score"] >= LEAST:
            return
        said = found["feedback"]
        why = said["warning"].rstrip(".") or "This password is easy to guess"
        raise ValidationError(f"{why}. Four or five words that have nothing to do with each other are a good password.")

    def get_help_text(self) -> str:
        """What to do, before it is tried."""
        return "Four or five words that have nothing to do with each other."
