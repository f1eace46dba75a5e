"""Deliberate bugs in what is sent, to whom, how often, and in what is deleted or dead-lettered for it."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

OF_DELIVERY: Final = (
    Mutant(
        "delete-before-send",
        "batcher",
        "        self._enqueue(leg)\n\n    def _weigh",
        "        self._enqueue(leg)\n        owner.end(message, self._accepted)\n\n    def _weigh",
        ("R1",),
        (1,),
    ),
    Mutant(
        "whole-batch-again",
        "batcher",
        "            self._judge(leg, result)",
        "            failed = [one for one in results if isinstance(one, Transient)]\n"
        "            self._judge(leg, failed[0] if failed else result)",
        ("R2",),
        (22,),
    ),
    Mutant(
        "tried-again-twice",
        "held",
        "        self._again(item)",
        "        self._again(item)\n        self._again(item)",
        ("R2", "R1"),
        (13,),
    ),
    Mutant(
        "bad-entry-fails-its-mates",
        "batcher",
        "            self._judge(leg, result)",
        "            wrong = [one for one in results if isinstance(one, Reject)]\n"
        "            self._judge(leg, wrong[0] if wrong else result)",
        ("R5",),
        (3,),
    ),
    Mutant(
        "batch-above-the-limit",
        "batcher",
        "if len(self._waiting) >= component.batch_entries:",
        "if len(self._waiting) > component.batch_entries:",
        ("R9",),
        (1,),
    ),
    Mutant(
        "batch-above-the-size",
        "batcher",
        "if self._bytes + leg.size > component.batch_bytes:",
        "if self._bytes > component.batch_bytes:",
        ("R9",),
        (117,),
    ),
    Mutant(
        "dead-letter-not-awaited",
        "settler",
        "            return Ack() if self.buried else None",
        "            return Ack()",
        ("R1",),
        (21,),
    ),
    Mutant(
        "failed-dead-letter-taken-as-kept",
        "settler",
        "            if result is None:\n                settlement.buried = True",
        "            if True:\n                settlement.buried = True",
        ("R1",),
        (21,),
    ),
    Mutant(
        "dead-letter-sent-again",
        "settler",
        "isinstance(s.verdict, DeadLetter) and not s.buried]",
        "isinstance(s.verdict, DeadLetter)]",
        ("R5",),
        (13,),
    ),
    Mutant(
        "dead-letter-written-anew",
        "settler",
        "letters = [(s.owner.delivery, s.verdict.facts) for s in dead if isinstance(s.verdict, DeadLetter)]",
        "letters = [(s.owner.delivery, s.verdict.facts) for s in dead if isinstance(s.verdict, DeadLetter)]\n"
        "        import json, copy\n"
        "        for place, (delivery, facts) in enumerate(letters):\n"
        "            again = copy.copy(delivery)\n"
        "            try:\n"
        '                object.__setattr__(again, "raw", json.dumps(json.loads(delivery.raw)).encode())\n'
        "            except ValueError:\n"
        "                continue\n"
        "            letters[place] = again, facts",
        ("R5",),
        (1,),
    ),
    Mutant(
        "always-too-old",
        "ledger",
        "        return bool(self._max_age and sent_at) and ",
        "        return bool(sent_at) and ",
        ("R5",),
        (1,),
    ),
    Mutant(
        "failed-settlement-taken-as-done",
        "settler",
        "        if result is None:\n            self._report.done",
        "        if result is None or isinstance(result, Transient):\n            self._report.done",
        ("R1", "R3", "FIFO"),
        (37,),
    ),
    Mutant(
        "reject-tried-again",
        "ledger",
        "        if isinstance(error, Reject):\n"
        '            owner.end(message, Ending("rejected", where, error.reason, error.error))\n'
        "            return\n",
        "        if isinstance(error, Reject):\n            error = Transient(error.reason)\n",
        ("R2", "R5"),
        (1,),
    ),
    Mutant(
        "unroutable-dropped",
        "worker",
        'if self._pipeline.unrouted == "drop" else rejected',
        "if True else rejected",
        ("R1",),
        (1,),
    ),
    Mutant(
        "child-ids-from-a-counter",
        "children",
        'name = f"{message.id}/{index}"',
        'name = f"{message.id}/{id(child) % 1000}"',
        ("R7",),
        (9,),
    ),
    Mutant(
        "split-acknowledged-after-its-first",
        "children",
        "            owner.fork(len(children))",
        "            owner.fork(1)",
        ("R1",),
        (9,),
    ),
    Mutant(
        "two-sinks-acknowledged-after-the-first",
        "worker",
        "        owner.fork(len(takers))",
        "        owner.fork(1)",
        ("R1",),
        (7,),
    ),
    Mutant(
        "drop-never-ends",
        "children",
        '        owner.end(message, Ending("dropped", where, result.reason))',
        "        pass",
        ("liveness",),
        (2,),
    ),
    Mutant(
        "outage-uses-up-attempts",
        "dependencies",
        "        return served > before",
        "        return True",
        ("R4",),
        (1,),
    ),
    Mutant(
        "receiving-goes-on-in-an-outage",
        "intake",
        "while (pause := self._dependencies.pause()) > 0 and not self.is_stopped:",
        "while (pause := self._dependencies.pause()) > 1e9:",
        ("R4",),
        (32,),
    ),
    Mutant(
        "record-ignored",
        "worker",
        "            if owner.had_accepted(message, sink.sink.id):",
        "            if owner.had_accepted(message, sink.sink.id) and False:",
        ("R2",),
        (7,),
    ),
    Mutant(
        "record-not-written",
        "settler",
        "            await self._ledger.legs.remember(given_back)",
        "            pass",
        ("R2",),
        (7,),
    ),
    Mutant(
        "record-not-written-at-the-stop",
        "drain",
        "    await ledger.legs.remember(held, patience=patience / 3)",
        "    pass",
        ("R2",),
        (141,),
    ),
)
