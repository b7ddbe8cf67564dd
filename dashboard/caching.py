"""Caching: what the board answers is kept by nobody, refusals and missing pages too: they show who asks, and the counts."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin


class KeptByNobody(MiddlewareMixin):
    """Says so where the view said nothing. Files for browsers do not come by here."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Django's hook."""
        response.headers.setdefault("Cache-Control", "no-store")
        return response
