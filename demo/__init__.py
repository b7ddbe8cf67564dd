"""The demo: a logistics shop of real processes, whose circuit breakers really open. See docs/demo.md."""
