"""The version, told to the board in every request."""

VERSION = "0.1.0"
