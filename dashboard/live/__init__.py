"""The live road: facts → nudges → one read a process → frames shared by all sockets that show the same.

The server takes `consumers.live_application` for `websocket` scopes, and `hub.start()` and `hub.stop()` of
`hub.hub` in its lifespan.
"""
