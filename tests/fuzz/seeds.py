"""Where fuzzing begins: files and texts that are right, or wrong in ways that were worth a test."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

POINTER = '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"bodies","s3Key":"k"}]'
DIGEST = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}


def _files() -> list[bytes]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    files = [*sorted((ROOT / "pipelines").glob("*.yaml")), *sorted((ROOT / "docs/examples").glob("*.yaml"))]
    return [*(file.read_bytes() for file in files), *(block.encode() for block in blocks)]


def _message(**parts: object) -> dict[str, object]:
    system = {"SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1"}
    return {"MessageId": "m-1", "ReceiptHandle": "r", "Body": '{"a": 1}', "Attributes": system, **parts}


def _texts(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


_TEN = {f"a{i}": {"DataType": "String", "StringValue": "v" * i or "-"} for i in range(10)}
_BINARY = {"b": {"DataType": "Binary.png", "BinaryValue": "\x00\x7f"}, "n": {"DataType": "Number", "StringValue": "1"}}
_OK = b"HTTP/1.1 200 OK\r\n"
_PACKED = gzip.compress(b'{"a": 1}', mtime=0)

SEEDS: dict[str, list[bytes]] = {
    "loader": [*_files(), b"name: x\rab\xff"],
    "settings": [
        b'stage filter\n{"pattern": {"body": {"a": ["b"]}}}',
        b'stage validate\n{"schema": "schemas/shop-order.v1.json", "unknown_fields": "count"}',
        b'stage translate\n{"map": {"a": {"jmes": "body.b", "type": "integer"}}}',
        b'stage translate\n{"map": {"l": {"each": {"jmes": "body.l"}, "as": {"x": {"jmes": "item"}}}}}',
        b'stage enrich.http\n{"url": "https://h/{id}", "params": {"id": {"jmes": "body.no"}}, "into": "x.y"}',
        b'stage enrich.http\n{"url": "https://h/", "into": "x", "headers": {"authorization": {"secret": "env:T"}}}',
        b'stage enrich.http\n{"url": "https://h/", "into": "x", "cache": {"ttl": "5m", "entries": 9}}',
        b'stage claim_check.store\n{"bucket": "b", "over": "1KiB"}',
        b'stage claim_check.restore\n{"buckets": ["b"]}',
        b'source sqs\n{"queue": "q", "visibility": {"initial": "60s", "limit": "1h"}, "wait_time": "10s"}',
        b'source memory\n{"format": "text"}',
        b'sink sqs\n{"queue": "q.fifo", "group": {"jmes": "body.g"}, "forward": ["a"]}',
        b'sink eventbridge\n{"bus": "b", "source": "s", "detail_type": "T"}',
        b'sink http\n{"url": "https://h/", "sign": {"standard_webhooks": {"secret": "env:KEY"}}}',
        b"sink memory\n{}",
    ],
    "event_pattern": [
        b'{"body": {"a": [{"numeric": [">", 0, "<=", 5]}], "b": [{"exists": false}]}}\n{"body": {"a": 3}}',
        b'{"$or": [{"a": ["x"]}, {"b": [{"anything-but": {"prefix": "y"}}]}]}\n{"a": "x", "b": ["y", {"c": null}]}',
        b'{"a": [{"wildcard": "x*y*"}, {"prefix": {"equals-ignore-case": "Q"}}]}\n{"a": "xyy"}',
        b'{"ip": [{"cidr": "10.0.0.0/8"}, {"cidr": "fe80::/10"}]}\n{"ip": "10.1.2.3"}',
        b'{"a": [null, "", 300, {"equals-ignore-case": "X"}]}\n{"a": 300.0}',
    ],
    "expression": [
        b'body.a.b\n{"a": {"b": 1}}',
        b'body.lines[?qty > `1`].sku | [0]\n{"lines": [{"qty": 2, "sku": "s"}]}',
        b"{n: length(body.l), s: sort_by(body.l, &x)[-1].x, j: join(',', map(&to_string(@), body.l))}\n{\"l\": [{}]}",
        b'max_by(body, &a) || not_null(body[*].a, `"d"`) && !body[::2]\n[{"a": 1}, {"a": 2}]',
        b"merge(body, headers).*\n{}",
        b"to_number(body) == `1` || contains(body, '1') || sum([`1`])\n\"1\"",
    ],
    "delivery": _texts(
        _message(MessageAttributes=_BINARY),
        _message(Body="e30=", Attributes={"SentTimestamp": "0", "MessageGroupId": "g", "MessageDeduplicationId": "d"}),
        _message(Body='{"n": 0.12345678901234567890, "d": 1e400}'),
        _message(Attributes={"SentTimestamp": "99999999999999999999", "ApproximateReceiveCount": "9" * 5000}),
        _message(Attributes={"SentTimestamp": "soon", "ApproximateReceiveCount": "-1"}),
        _message(Body="\ud800"),
        _message(MessageId="\ud800", MessageAttributes={"\ud800": {"DataType": "String", "StringValue": "x"}}),
        _message(MessageAttributes={"a": {"DataType": "Binary"}, "b": {"StringValue": "x"}, "c": {}}),
        {},
    ),
    "claim": _texts(
        {"headers": {"ExtendedPayloadSize": "2"}, "body": POINTER, "object": "{}"},
        {
            "headers": {"sluiceway-claim": "1"},
            "body": json.dumps({"claim": {"bucket": "bodies", "key": "k", "sha256": DIGEST, "size": 2}}),
            "object": "{}",
            "types": {"sluiceway-claim": "String"},
        },
        {"headers": {"SQSLargePayloadSize": "٣"}, "body": POINTER.replace("k", "\\ud800"), "object": ""},
        {"headers": {"SQSLargePayloadSize": "3"}, "body": POINTER, "object": "{}"},
        {"headers": {"SQSLargePayloadSize": "1" * 5000}, "body": POINTER, "types": []},
    ),
    "http_answer": [
        _OK + b'content-type: application/json\r\ncontent-length: 8\r\n\r\n{"a": 1}',
        _OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n",
        _OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(_PACKED), _PACKED),
        _OK + b"content-type: \xff\xfe\r\ncontent-length: 1\r\n\r\n<",
        b"HTTP/1.1 503 No\r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\ncontent-type: text/html\r\n\r\n<h1>\x1b[2J",
        b"HTTP/1.1 429 Wait\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: //[::1\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ],
    "dead_letter": _texts(
        {"message": _message(MessageAttributes=_BINARY), "reason": "it is wrong"},
        {"message": _message(MessageAttributes=_TEN), "reason": "r" * 5000, "fifo": True},
        {"message": _message(Body="ab"), "times": 524287, "reason": "\ud800 \x00"},
        {
            "message": _message(
                MessageAttributes={
                    "sluiceway": {
                        "DataType": "String",
                        "StringValue": '{"pipeline": "p", "stage": "s", "error": "bug"}',
                    }
                }
            )
        },
        {"message": _message(MessageAttributes={"sluiceway": {"DataType": "String", "StringValue": "[" * 20000}})},
    ),
}
"""By target; some were found by fuzzing."""

WORDS: dict[str, list[bytes]] = {
    "loader": [
        b"- ",
        b": ",
        b"\n  ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b'"',
        b"'",
        b"&a ",
        b"*a",
        b"!x ",
        b"|\n",
        b">-\n",
        b"---\n",
        b"...",
        b"%YAML 1.1\n",
        b"# ",
        b"? ",
        b"<<: ",
        b"${SET}",
        b"${UNSET:-x}",
        b"$${",
        b"null",
        b"true",
        b"1e999",
        b"0x1",
        b"{jmes: ",
        b"{literal: ",
        b"{secret: ",
        b"use: ",
        b"with: ",
        b"sinks: ",
        b"stages:\n",
        b"\xff",
        b"\r",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"\\ud800",
        b"\xed\xa0\x80",
        b"\x1b[2J",
        b"routes: [a]",
    ],
    "expression": [
        b".",
        b"[",
        b"]",
        b"[]",
        b"[*]",
        b"[?",
        b"(",
        b")",
        b"{",
        b"}",
        b"&",
        b"|",
        b"||",
        b"`",
        b"'",
        b'"',
        b"@",
        b"!",
        b"body",
        b"`1e400`",
        b'`"\\ud800"`',
        b"sort_by(",
        b"to_number(",
        b"length(",
        b"[::0]",
        b"\xed\xa0\x80",
        b"9" * 30,
    ],
    "event_pattern": [
        b'"$or"',
        b'{"prefix": "',
        b'{"numeric": ["<", 1e400]}',
        b'{"cidr": "',
        b'{"wildcard": "**"}',
        b'{"exists": 1}',
        b'{"anything-but": ',
        b"[",
        b"]",
        b"{",
        b"}",
        b"null",
        b"-5e9",
        b'"\\ud800"',
        b"1" * 400,
        b",",
        b":",
        b'"',
    ],
    "http_answer": [
        b"\r\n",
        b"\n",
        b": ",
        b"content-length: ",
        b"transfer-encoding: chunked\r\n",
        b"content-encoding: deflate\r\n",
        b"content-encoding: br\r\n",
        b"content-encoding: zstd\r\n",
        b"location: ",
        b"retry-after: ",
        b"HTTP/1.1 ",
        b"HTTP/1.0 ",
        b"101",
        b"204",
        b"307",
        b"404",
        b"429",
        b"503",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"\x00",
        b"\xff",
        b"a" * 9000,
        b"connection: upgrade\r\nupgrade: h2c\r\n",
        b"http://localhost/",
        b"-1",
        b"99999999999999999999",
    ],
}
"""What is put into a seed to change it, for the targets whose inputs are no JSON."""
