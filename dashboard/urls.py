"""Every address of the site."""

from django.urls import include, path, re_path

from dashboard import health, metrics
from dashboard.api.problems import unknown
from dashboard.pages import alerts, audit, breaker, connect, events, map, marks, orders, past, services, sign_in, sources, wall
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
    path("", past.or_now(past.wall, wall.wall), name="wall"),
    path("past/wall.json", past.wall_json, name="past-wall-json"),
    path("breakers/<str:breaker_id>/", breaker.breaker, name="breaker"),
    path("breakers/<str:breaker_id>/order/", orders.order, name="order"),
    path("breakers/<str:breaker_id>/timeline.json", breaker.timeline_json, name="timeline"),
    path("breakers/<str:breaker_id>/timeline.html", breaker.timeline_file, name="timeline-file"),
    path("breakers/<str:breaker_id>/news.json", breaker.news_json, name="news"),
    path("breakers/<str:breaker_id>/events/", events.events, name="events"),
    path("breakers/<str:breaker_id>/past.json", past.breaker_json, name="past-breaker-json"),
    path("map/", map.map_page, name="map"),
    path("map.json", map.map_json, name="map-json"),
    path("dependency/", map.dependency, name="dependency"),
    path("dependency.json", map.dependency_json, name="dependency-json"),
    path("connect/", connect.connect, name="connect"),
    path("connect.json", connect.connect_json, name="connect-json"),
    path("marks/", marks.marks, name="marks"),
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
