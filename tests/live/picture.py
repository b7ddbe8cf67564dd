"""What a client makes of the frames, in Python: the twin of static/js/live/picture.js."""

from collections.abc import Iterable
from typing import Any


class Picture:
    """A topic as one client sees it."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}

    def apply(self, frame: dict[str, Any]) -> None:
        """The newest version wins."""
        if frame["op"] == "snapshot":
            data = frame["data"]
            self.items = {item["id"]: item for item in data.get("items", [data])}
            self.counts = data.get("counts", self.counts)
            return
        for item in frame["data"]:
            known = self.items.get(item["id"])
            if known is None or item["version"] > known["version"]:
                self.items[item["id"]] = item
        self.counts = frame.get("counts", self.counts)

    def shown(self) -> dict[str, dict[str, Any]]:
        return {id: item for id, item in self.items.items() if not item.get("removed")}


def picture_of(frames: Iterable[dict[str, Any]]) -> Picture:
    """The picture after these frames."""
    picture = Picture()
    for frame in frames:
        picture.apply(frame)
    return picture
