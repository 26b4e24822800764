"""What `cellwright lsp` does with frames that no editor should write: each is answered by its error of JSON-RPC, and the
session goes on. Written and read byte by byte, without a library that would put them right."""

import json
import re
import subprocess

from common import PROGRAM, ROOT

ANSWER_S = 30
PARSE, INVALID, METHOD, PARAMS, BEFORE = -32700, -32600, -32601, -32602, -32002
HOVER, URI = "textDocument/hover", (ROOT / "recipes" / "cannula-hub" / "cannula-hub.recipe.yaml").as_uri()


def frame(body, length=None):
    body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def request(number, method, params=None):
    return frame({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def note(method, params=None):
    return frame({"jsonrpc": "2.0", "method": method, "params": params})


def answers(text):
    """What came, and whether nothing else did."""
    found = []
    while text:
        head = re.match(rb"Content-Length: (\d+)\r\n\r\n", text)
        if not head:
            return found + [text[:40]]
        end = head.end() + int(head[1])
        found.append(json.loads(text[head.end():end]))
        text = text[end:]
    return found


def session(*frames):
    """(id, code or "ok") of each answer, and the exit status."""
    command = [PROGRAM, "lsp", "--cell", str(ROOT / "cells" / "cannula-cell")]
    ended = subprocess.run(command, input=b"".join(frames), capture_output=True, timeout=ANSWER_S)
    said = [(a.get("id"), a["error"]["code"] if "error" in a else "ok") for a in answers(ended.stdout) if "id" in a]
    return said, ended.returncode


def hold(checks):
    begin = request(1, "initialize", {"capabilities": {}}) + note("initialized", {})
    over = request(99, "shutdown") + note("exit")
    bad = [
        ("no JSON", frame("{"), (None, PARSE)),
        ("no UTF-8", b"Content-Length: 2\r\n\r\n\xff\xfe", (None, PARSE)),
        ("an empty message", frame(""), (None, PARSE)),
        ("no length", b"Content-Type: x\r\n\r\n{}", (None, PARSE)),
        ("a length that is no number", b"Content-Length: two\r\n\r\n{}", (None, PARSE)),
        ("a header that is none", b"words\r\n\r\n", (None, PARSE)),
        ("a length that is too short", frame({"jsonrpc": "2.0", "id": 5, "method": HOVER}, 20), (None, PARSE)),
        ("several at once", frame([1, 2]), (None, INVALID)),
        ("neither request nor answer", frame({"jsonrpc": "2.0"}), (None, INVALID)),
        ("a request without a method", frame({"jsonrpc": "2.0", "id": "a"}), ("a", INVALID)),
        ("a method that there is not", request(6, "textDocument/nothing", {}), (6, METHOD)),
        ("one that begins with $/", request(7, "$/nothing", {}), (7, METHOD)),
        ("parameters of another kind", request(8, HOVER, [1]), (8, PARAMS)),
        ("no parameters", request(9, HOVER), (9, PARAMS)),
        ("a line below zero", request(10, HOVER, {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}}),
         (10, PARAMS)),
        ("a second initialize", request(11, "initialize", {"capabilities": {}}), (11, INVALID)),
    ]
    for name, piece, answer in bad:
        checks.equal(f"frames: {name}", session(begin, piece, request(2, "textDocument/nothing"), over),
                     ([(1, "ok"), answer, (2, METHOD), (99, "ok")], 0))
    # Behind a text that is broken nobody knows where the next frame begins: it is looked for by its length, and what has
    # none on the way is not told once more.
    with_length = [answer for _, piece, answer in bad if re.match(rb"Content-Length: \d", piece)]
    checks.equal("frames: all of them, one after the other", session(begin, *(piece for _, piece, _ in bad), over),
                 ([(1, "ok"), *with_length, (99, "ok")], 0))
    odd = [note("nothing"), note("textDocument/didOpen", [1]), note("textDocument/didChange"), frame({"method": "x"})]
    checks.equal("frames: no notification is answered", session(begin, *odd, over), ([(1, "ok"), (99, "ok")], 0))
    checks.equal("frames: before initialize", session(note("initialized"), request(3, HOVER, {}), begin, over),
                 ([(3, BEFORE), (1, "ok"), (99, "ok")], 0))
    checks.equal("frames: behind shutdown", session(begin, request(98, "shutdown"), request(4, HOVER, {}), note("exit")),
                 ([(1, "ok"), (98, "ok"), (4, INVALID)], 0))
    checks.equal("frames: exit without shutdown", session(begin, note("exit")), ([(1, "ok")], 1))
    checks.equal("frames: the end in the middle of one", session(begin, b"Content-Length: 9\r\n\r\n{"), ([(1, "ok")], 1))
    text = {"uri": URI, "languageId": "yaml", "version": 1, "text": "recipe: 1\nid: \U0001f600\n"}
    far = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4000000}}
    checks.equal("frames: a place beyond the line is its end",
                 session(begin, note("textDocument/didOpen", {"textDocument": text}), request(5, HOVER, far), over),
                 ([(1, "ok"), (5, "ok"), (99, "ok")], 0))
