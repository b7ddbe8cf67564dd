"""Every address of the site."""

from django.urls import path

from dashboard import health
from dashboard.pages.welcome import welcome

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("welcome/<str:token>/", welcome, name="welcome"),
]
