"""Rates of 0-100, rounded so that they stay true: 0 is said of none alone, and 100 of all."""


def rate(part: int, of: int) -> float | None:
    """How many of a hundred, to one digit behind the point, or as many as it takes; None of nothing."""
    if not of:
        return None
    exact = 100 * part / of
    near = round(exact, 1)
    if near == 0 and part:
        return float(f"{exact:.2g}")
    if near == 100 and part < of:
        return 100 - float(f"{100 - exact:.2g}")
    return near
