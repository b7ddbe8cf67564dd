"""Breakerboard's settings in tests: a directory of their own, so that no test meets a board that runs on this machine."""

import atexit
import os
import shutil
import tempfile

# A worker beside others inherits the environment of the one that started it.
if "DATA_DIR" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="breakerboard-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from dashboard.settings import *  # noqa: F403

# Signing in is not what takes the time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Files for browsers as they stand in the tree: compressing them takes seconds.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
