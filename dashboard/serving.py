"""Serving: what uvicorn is told, by the board and by the floors that it is measured against. Needs no settings."""

UVICORN = (
    "--loop uvloop --http dashboard.express:ExpressProtocol --ws websockets-sansio --ws-per-message-deflate false --ws-max-size 16384"
    " --ws-ping-interval 20 --ws-ping-timeout 20 --timeout-graceful-shutdown 5 --timeout-keep-alive 30"
    " --backlog 2048 --no-access-log --no-server-header"
)
