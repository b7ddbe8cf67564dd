"""Every address of the site."""

from django.urls import include, path, re_path

from dashboard import health, metrics
from dashboard.api.problems import unknown
from dashboard.pages import alerts, audit, breaker, orders, screens, services, sign_in, sources, wall
from dashboard.pages.welcome import welcome

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/v1/", include("dashboard.api.urls")),
    path("api/v1", unknown),
    path("welcome/<str:token>/", welcome, name="welcome"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("", wall.wall, name="wall"),
    path("completions.json", wall.completions_json, name="completions"),
    path("screen/", screens.screen, name="screen"),
    path("screen/<str:token>/", screens.open_link, name="screen-link"),
    path("screens/", screens.screen_links, name="screens"),
    path("screens/<int:link_id>/revoke/", screens.revoke, name="revoke-screen"),
    path("density/", wall.choose_density, name="density"),
    path("views/", wall.save_view, name="save-view"),
    path("views/<int:view_id>/delete/", wall.delete_view, name="delete-view"),
    path("breakers/<str:breaker_id>/", breaker.breaker, name="breaker"),
    path("breakers/<str:breaker_id>/order/", orders.order, name="order"),
    path("breakers/<str:breaker_id>/timeline.json", breaker.timeline_json, name="timeline"),
    path("breakers/<str:breaker_id>/timeline.html", breaker.timeline_file, name="timeline-file"),
    path("breakers/<str:breaker_id>/news.json", breaker.news_json, name="news"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<str:alert_id>/", alerts.alert, name="alert"),
    re_path(r"^alerts/(?P<alert_id>[^/]+)/(?P<verb>acknowledge|unacknowledge)/$", alerts.handle, name="handle-alert"),
    path("alerts/<str:alert_id>/notifications/<str:notification_id>/resend/", alerts.resend, name="resend"),
    path("services/", services.services, name="services"),
    path("services/<path:name>/", services.service, name="service"),
    path("sources/", sources.sources, name="sources"),
    path("sources/news.json", sources.news_json, name="sources-news"),
    path("audit/", audit.audit, name="audit"),
]
