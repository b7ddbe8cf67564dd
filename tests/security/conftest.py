"""Boards for who looks for a way in: rows alone where that is enough."""

import pytest
from pytest_django.fixtures import Settings

from tests.security.world import World, made


@pytest.fixture
def plain_static(settings: Settings) -> None:
    """Pages name their static files without a manifest: nothing was collected here."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def world(db: None, plain_static: None) -> World:
    """One of everything."""
    return made()
