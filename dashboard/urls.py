"""Every address of the site."""

from django.urls import include, path, re_path

from dashboard import health, metrics
from dashboard.api.problems import unknown
from dashboard.pages import (
    alerts,
    audit,
    breaker,
    destinations,
    incidents,
    orders,
    postmortem,
    routes,
    rules,
    services,
    sign_in,
    silences,
    sources,
    wall,
)
from dashboard.pages.acknowledging import acknowledge
from dashboard.pages.push import worker
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
    path("breakers/<str:breaker_id>/", breaker.breaker, name="breaker"),
    path("breakers/<str:breaker_id>/order/", orders.order, name="order"),
    path("breakers/<str:breaker_id>/timeline.json", breaker.timeline_json, name="timeline"),
    path("breakers/<str:breaker_id>/timeline.html", breaker.timeline_file, name="timeline-file"),
    path("breakers/<str:breaker_id>/news.json", breaker.news_json, name="news"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/destinations/", destinations.destinations, name="destinations"),
    path("alerts/destinations/new/<str:kind>/", destinations.new, name="destination-new"),
    path("alerts/destinations/add/<str:kind>/", destinations.add, name="destination-add"),
    path("alerts/destinations/<str:destination_id>/", destinations.destination, name="destination"),
    path("alerts/destinations/<str:destination_id>/change/", destinations.change, name="destination-change"),
    path("alerts/routes/new/", routes.new, name="route-new"),
    path("alerts/routes/add/", routes.save, name="route-add"),
    path("alerts/routes/<str:route_id>/", routes.route, name="route"),
    path("alerts/routes/<str:route_id>/save/", routes.save, name="route-save"),
    path("acknowledge/<str:token>/", acknowledge, name="acknowledge-by-link"),
    path("push-worker.js", worker, name="push-worker"),
    path("alerts/rules/", rules.rules, name="rules"),
    path("alerts/rules/new/", rules.rule, name="new-rule"),
    path("alerts/rules/preview.json", rules.preview_json, name="rule-preview"),
    path("alerts/rules/<str:rule_id>/", rules.rule, name="rule"),
    re_path(r"^alerts/rules/(?P<rule_id>[^/]+)/(?P<verb>on|off|remove)/$", rules.switch, name="switch-rule"),
    path("alerts/silences/", silences.silences, name="silences"),
    path("alerts/silences/hidden.json", silences.hidden_json, name="silence-hides"),
    path("alerts/silences/<str:silence_id>/end/", silences.end, name="end-silence"),
    path("incidents/", incidents.incidents, name="incidents"),
    path("incidents/<str:incident_id>/", incidents.incident, name="incident"),
    re_path(
        r"^incidents/(?P<incident_id>[^/]+)/(?P<verb>acknowledge|split|merge|not-this)/$",
        incidents.handle,
        name="handle-incident",
    ),
    re_path(
        r"^incidents/(?P<incident_id>[^/]+)/postmortem\.(?P<form>md|json|svg)$",
        postmortem.postmortem,
        name="postmortem",
    ),
    path("alerts/<str:alert_id>/", alerts.alert, name="alert"),
    re_path(r"^alerts/(?P<alert_id>[^/]+)/(?P<verb>acknowledge|unacknowledge)/$", alerts.handle, name="handle-alert"),
    path("alerts/<str:alert_id>/notifications/<str:notification_id>/resend/", alerts.resend, name="resend"),
    path("services/", services.services, name="services"),
    path("services/<path:name>/", services.service, name="service"),
    path("sources/", sources.sources, name="sources"),
    path("sources/news.json", sources.news_json, name="sources-news"),
    path("audit/", audit.audit, name="audit"),
]
