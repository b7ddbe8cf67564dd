"""Snippets: how a service begins to post, for each library that the board understands, with the real address and key in it."""

import json
import shlex
from dataclasses import dataclass
from string import Template

NO_KEY = "$BREAKERBOARD_KEY"


@dataclass(frozen=True, slots=True)
class Library:
    """A library to choose. `needs`: said above the snippet. In the template `$url` and `$key` are filled in."""

    name: str
    words: str
    needs: str
    template: str
    quote: str


LIBRARIES = (
    Library(
        "pybreaker",
        "Python, pybreaker",
        "Install the client from clients/python of this board (pip install ./clients/python), then, where the breakers are made:",
        """from breakerboard import Reporter

reporter = Reporter($url, $key)
reporter.attach(breaker, name="payments", dependency="payments-api")""",
        "json",
    ),
    Library(
        "opossum",
        "Node.js, opossum",
        "Post what each breaker says of itself, every 10 s:",
        """import os from "node:os"

const address = $url + "/api/v1/events/opossum?instance=" + encodeURIComponent(os.hostname())
const headers = { authorization: "Bearer " + $key, "content-type": "application/json" }

setInterval(() => {
  const body = JSON.stringify(breakers.map((breaker) => breaker.toJSON()))
  fetch(address, { method: "POST", headers, body, signal: AbortSignal.timeout(5_000) }).catch(() => {})
}, 10_000).unref()""",
        "json",
    ),
    Library(
        "resilience4j",
        "Java, resilience4j",
        "With Spring's actuator, beside the service; the same body again adds nothing, so post the whole ring every 10 s:",
        """while sleep 10; do
  curl -s localhost:8080/actuator/circuitbreakerevents |
    curl -sS $url/api/v1/events/resilience4j?instance=$$(hostname) \\
      -H $bearer -H "Content-Type: application/json" --data-binary @-
done""",
        "shell",
    ),
    Library(
        "http",
        "Anything, by HTTP",
        "A change of state and a heartbeat are enough to begin with:",
        """curl -sS $url/api/v1/events \\
  -H $bearer \\
  -H "Content-Type: application/json" \\
  -d '{"type": "heartbeat", "breaker": "payments", "dependency": "payments-api",
       "state": "closed", "interval_s": 60}'""",
        "shell",
    ),
    Library(
        "envoy",
        "Envoy, Istio",
        "From the outlier detection event log, on the host of the proxy:",
        """tail -F /var/log/envoy/outlier.log | while read -r line; do
  printf '%s\\n' "$$line" |
    curl -sS $url/api/v1/events/envoy?instance=$$(hostname) \\
      -H $bearer -H "Content-Type: application/x-ndjson" --data-binary @-
done""",
        "shell",
    ),
    Library(
        "hystrix",
        "Java, Hystrix",
        "From its stream, a second of it every 10 s:",
        """while sleep 10; do
  curl -s -m 1 localhost:8080/hystrix.stream |
    curl -sS $url/api/v1/events/hystrix?instance=$$(hostname) \\
      -H $bearer -H "Content-Type: text/event-stream" --data-binary @-
done""",
        "shell",
    ),
)


def library_of(name: str) -> Library:
    """The library of that name; the first one for any other."""
    return next((each for each in LIBRARIES if each.name == name), LIBRARIES[0])


def snippet(library: Library, url: str, key: str | None) -> str:
    """The snippet, filled in; without a key, its place is a variable of the environment."""
    if library.quote == "shell":
        bearer = f'"Authorization: Bearer {key or NO_KEY}"'
        return Template(library.template).substitute(url=shlex.quote(url), bearer=bearer)
    environ = 'os.environ["BREAKERBOARD_KEY"]' if library.name == "pybreaker" else "process.env.BREAKERBOARD_KEY"
    filled = Template(library.template).substitute(url=json.dumps(url), key=json.dumps(key) if key else environ)
    return f"import os\n\n{filled}" if library.name == "pybreaker" and not key else filled
