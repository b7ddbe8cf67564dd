"""The examples of the documents: fenced blocks marked `run`, and the answers that stand below them.

```sh run            a shell takes it, in order, after those above it in the same document
```python run        Python takes it
```json answer       what the block above it printed; `…` stands for anything
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = re.compile(r"^```(?P<language>\w+) (?P<mark>run|answer)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@dataclass(frozen=True)
class Example:
    """One block to run. `answer`: the JSON that it must print; None: anything will do."""

    document: str
    line: int
    language: str
    text: str
    answer: Any = None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def examples(root: Path, path: Path) -> list[Example]:
    """The examples of a document, in its order. Errors: ValueError for an answer without a question."""
    text = path.read_text()
    name = str(path.relative_to(root))
    found: list[Example] = []
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        if block["mark"] == "run":
            found.append(Example(name, line, block["language"], block["text"]))
        elif not found or found[-1].answer is not None:
            raise ValueError(f"{name}:{line} answers nothing")
        else:
            last = found[-1]
            found[-1] = Example(name, last.line, last.language, last.text, json.loads(block["text"]))
    return found


def matches(told: Any, printed: Any) -> bool:
    """Whether an answer is what a document says; a member `"…"` of an object stands for any others."""
    if told == ANYTHING:
        return True
    if isinstance(told, dict) and isinstance(printed, dict):
        wanted = {key: value for key, value in told.items() if key != ANYTHING}
        known = ANYTHING in told or wanted.keys() == printed.keys()
        return known and all(key in printed and matches(value, printed[key]) for key, value in wanted.items())
    if isinstance(told, list) and isinstance(printed, list):
        return len(told) == len(printed) and all(map(matches, told, printed))
    if isinstance(told, str) and isinstance(printed, str) and ANYTHING in told:
        return re.fullmatch(".*".join(map(re.escape, told.split(ANYTHING))), printed, re.DOTALL) is not None
    return bool(told == printed)
