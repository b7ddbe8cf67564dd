"""The script that browsers keep for pushed messages: it must lie at the root, and must never be an old one."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

PATH = settings.BASE_DIR / "static" / "js" / "push-worker.js"


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The script as it is now; there is nothing in it that is not public."""
    response = HttpResponse(PATH.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
