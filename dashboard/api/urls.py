"""The addresses below `/api/v1/`. What is none of them is a problem too, not a page."""

from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from dashboard.api.application import api
from dashboard.api.documentation import docs, openapi_json
from dashboard.api.problems import told, unknown


def _framed(pattern: URLPattern) -> URLPattern:
    pattern.callback = told(pattern.callback)
    return pattern


_routes, _app_name, _namespace = api.urls
urlpatterns = [
    path("openapi.json", told(csrf_exempt(openapi_json)), name="openapi"),
    path("docs", told(csrf_exempt(docs)), name="api-docs"),
    # Not ninja's own last route, which is the root: that one is nothing but a page of Django's.
    *[_framed(route) for route in _routes[:-1] if isinstance(route, URLPattern)],
    re_path(r"^.*$", told(unknown)),
]
