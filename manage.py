#!/usr/bin/env python
"""Django's command line, with Breakerboard's settings."""

import os
import sys


def main() -> None:
    # What is kept in DATA_DIR (sessions, password hashes) is nobody else's, whoever made the directory.
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.management import execute_from_command_line

    from dashboard.env import BadSetting

    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.exit(f"Breakerboard can't start: {error}")


if __name__ == "__main__":
    main()
