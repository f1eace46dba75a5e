"""Ask yaml-language-server what an editor would show for a pipeline file: `python -m tests.editor SERVER`.

SERVER is the path of the language server's command, which `npm install yaml-language-server` puts under
`node_modules/.bin`. What it answers stands in docs/editors.md. It needs Node, so no test runs it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

PIPELINES = Path(__file__).parents[2] / "pipelines"
FILE = """# yaml-language-server: $schema=./sluiceway.schema.json
version: 1
name: shop-orders
source: {use: sqs, with: {queue: shop-orders, visibilty: 60s}}
stages:
  - id: only-paid
    use: filter
    with:
      pattern: {body: {status: [paid]}}
  - id: spread
    use: load_balancer
    with:
      routes: [a, b]

  - id: later
    use: delayer
    timeout: soon
    with: {for: 30s}
sinks:
  - {id: bus, use: eventbridge, with: {bus: orders, source: shop, detail_type: OrderAccepted}}
errors: {dead_letter: {use: sqs, with: {queue: shop-orders-dlq}}}
""".replace("\n\n", "\n      \n")


class Server:
    """A language server that is spoken to over its standard input and output."""

    def __init__(self, command: str) -> None:
        process = subprocess.Popen([command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process = process
        self._in, self._out = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        self._number = 0
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}

    def tell(self, method: str, params: object) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        while True:
            message = self.hear()
            if message.get("id") == self._number and "method" not in message:
                return message.get("result")

    def hear(self) -> dict[str, Any]:
        """Return the next message; what the server asks for is answered with nothing, and diagnostics are kept."""
        length = 0
        while line := self._out.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message = cast("dict[str, Any]", json.loads(self._out.read(length)))
        if "method" in message and "id" in message:
            asked = len(message["params"].get("items", [])) if message["method"] == "workspace/configuration" else 0
            self._write({"jsonrpc": "2.0", "id": message["id"], "result": [None] * asked or None})
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        return message

    def _write(self, message: object) -> None:
        body = json.dumps(message).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._in.flush()


def place(word: str, behind: int = 0) -> dict[str, int]:
    """Return where a word stands in the file; `behind` counts lines from there."""
    line = next(number for number, text in enumerate(FILE.splitlines()) if word in text)
    column = FILE.splitlines()[line].index(word) + 1
    return {"line": line + behind, "character": column if not behind else 6}


def main(command: str) -> None:
    server = Server(command)
    folder = PIPELINES.resolve()
    uri = (folder / "editor-example.yaml").as_uri()
    server.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
    server.tell("initialized", {})
    settings = {"yaml": {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}}
    server.tell("workspace/didChangeConfiguration", {"settings": settings})
    document = {"uri": uri, "languageId": "yaml", "version": 1, "text": FILE}
    server.tell("textDocument/didOpen", {"textDocument": document})
    while uri not in server.diagnostics:
        server.hear()
    here = {"textDocument": {"uri": uri}}
    print("What is wrong:")
    for found in server.diagnostics[uri]:
        start = found["range"]["start"]
        print(f"  {start['line'] + 1}:{start['character'] + 1}  {found['message'].splitlines()[0]}")
    for word in ("pattern", "for:", "timeout"):
        hover = server.ask("textDocument/hover", {**here, "position": place(word)})
        text = re.sub(r"\s+", " ", hover["contents"]["value"] if hover else "nothing")
        print(f"Over `{word.rstrip(':')}`: {text.partition(' Source: ')[0]}")
    completion = server.ask("textDocument/completion", {**here, "position": place("load_balancer", behind=3)})
    items = completion["items"] if isinstance(completion, dict) else completion
    print("Below `with:` of load_balancer:")
    for item in sorted(items, key=lambda item: item["label"]):
        print(f"  {item['label']}: {str(item.get('documentation', ''))[:100]}")
    server.process.kill()


if __name__ == "__main__":
    main(sys.argv[1])
