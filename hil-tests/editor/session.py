"""`cellwright lsp` in a session of an editor, driven by pytest-lsp, which also holds each answer against the protocol and
what the client said it can do: open, type a mistake, diagnostic, completion, hover, quick fix, definition, formatting.
Before it, frames that no editor should write (`frames.py`)."""

import asyncio
import pathlib
import shutil
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import frames
from common import PROGRAM, ROOT, SKIPPED, Checks, workdir

try:
    import pytest_lsp
    from lsprotocol import types
    from pytest_lsp import ClientServerConfig, client_capabilities
except ImportError as missing:
    print(f"  skip  {missing.name} is not there")
    sys.exit(SKIPPED)

CLIENTS = ["visual-studio-code", "neovim"]
ANSWER_S = 30


def place(text, piece, within=0):
    """Line and UTF-16 column of a piece that stands once in a text, so many characters into it."""
    assert text.count(piece) == 1, piece
    before = text[: text.index(piece) + within]
    column = len(before.rsplit("\n", 1)[-1].encode("utf-16-le")) // 2
    return types.Position(before.count("\n"), column)


class Session:
    """One editor with one recipe open."""

    def __init__(self, client, path):
        self.client, self.path, self.uri = client, path, path.as_uri()
        self.document = types.TextDocumentIdentifier(self.uri)
        self.version = 0

    def open(self, text):
        item = types.TextDocumentItem(self.uri, "yaml", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, text):
        """The whole text, as it is after a key."""
        self.version += 1
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def told(self, holds):
        """Diagnostics as (code, line, column) once something holds of them, or what was told until then."""
        for _ in range(ANSWER_S * 20):
            if self.uri in self.client.diagnostics and holds(codes(self.client.diagnostics[self.uri])):
                break
            await asyncio.sleep(0.05)
        return codes(self.client.diagnostics[self.uri]) if self.uri in self.client.diagnostics else None

    def ask(self, request, kind, at):
        return asyncio.wait_for(request(kind(self.document, at)), ANSWER_S)


def codes(diagnostics):
    return [(d.code, d.range.start.line, d.range.start.character) for d in diagnostics]


async def session(checks, name, folder):
    config = ClientServerConfig(server_command=[PROGRAM, "lsp", "--cell", str(ROOT / "cells" / "cannula-cell")])
    client = await config.start()
    root = types.WorkspaceFolder(folder.as_uri(), "recipes")
    params = types.InitializeParams(client_capabilities(name), root_uri=folder.as_uri(), workspace_folders=[root])
    answer = await asyncio.wait_for(client.initialize_session(params), ANSWER_S)
    can = answer.capabilities
    checks.check(f"{name}: it says what it can do", can.hover_provider and can.completion_provider
                 and can.definition_provider and can.code_action_provider and can.document_formatting_provider)
    path = folder / "cannula-hub.recipe.yaml"
    right = path.read_text()
    s = Session(client, path)

    s.open(right)
    checks.equal(f"{name}: opened, a right recipe has no diagnostic", await s.told(lambda all: all == []), [])

    wrong = right.replace("axis: press_z", "axis: pres_z")
    at = place(wrong, "pres_z")
    mistake = [("R0302", at.line, at.character)]
    s.type(wrong)
    checks.equal(f"{name}: a mistake is told at its place", await s.told(lambda all: all == mistake), mistake)
    told = client.diagnostics[s.uri]
    checks.check(f"{name}: with cause and remedy", told and "did you mean `press_z`" in told[0].message)

    half = right.replace("axis: press_z", "axis: pre")
    s.type(half)
    items = await s.ask(client.text_document_completion_async, types.CompletionParams, place(half, "axis: pre\n", 9))
    items = items.items if hasattr(items, "items") else items
    checks.equal(f"{name}: axes are completed", sorted(i.label for i in items if not i.label.startswith("$")),
                 ["driver_1", "feeder_x", "press_z", "table"])
    half = right.replace("      stabilise: 1 s\n", "      st\n")
    s.type(half)
    items = await s.ask(client.text_document_completion_async, types.CompletionParams, place(half, "      st\n", 8))
    items = items.items if hasattr(items, "items") else items
    labels = [i.label for i in items]
    checks.check(f"{name}: fields that are not given are completed", "stabilise" in labels and "fill" not in labels, labels)

    s.type(right)
    hover = await s.ask(client.text_document_hover_async, types.HoverParams, place(right, "to: 38.0 mm"))
    said = hover.contents.value if hover else ""
    checks.check(f"{name}: a hover has the field's line and the axis's limits",
                 "Axis coordinate" in said and "travel -1 .. 62 mm" in said and "200 mm/s" in said, said)

    s.type(wrong)
    await s.told(lambda all: all == mistake)
    spot = types.Range(at, at)
    context = types.CodeActionContext(client.diagnostics[s.uri])
    actions = await asyncio.wait_for(
        client.text_document_code_action_async(types.CodeActionParams(s.document, spot, context)), ANSWER_S)
    checks.equal(f"{name}: a quick fix is offered", [a.title for a in actions], ["write `press_z`"])
    edit = actions[0].edit.changes[s.uri][0] if actions else None
    if edit:
        lines = wrong.split("\n")
        line = lines[edit.range.start.line]
        lines[edit.range.start.line] = line[: edit.range.start.character] + edit.new_text + line[edit.range.end.character:]
        s.type("\n".join(lines))
        checks.equal(f"{name}: it heals", await s.told(lambda all: all == []), [])
        checks.equal(f"{name}: and gives the right text", "\n".join(lines), right)

    for piece, within, file, begins in (("depth: $seat_depth", 9, path.name, "seat_depth:"),
                                        ("axis: press_z", 8, "cell.yaml", "press_z:"),
                                        ("component: hub, at", 12, path.name, "hub:"),
                                        ("recipe: feed-cannula@1", 10, "feed-cannula.recipe.yaml", "#")):
        found = await s.ask(client.text_document_definition_async, types.DefinitionParams, place(right, piece, within))
        found = found[0] if isinstance(found, list) and found else found
        there = pathlib.Path(found.uri.removeprefix("file://")) if found else pathlib.Path("nowhere")
        line = there.read_text().split("\n")[found.range.start.line].strip() if there.exists() else ""
        checks.check(f"{name}: `{piece}` leads to its definition", there.name == file and line.startswith(begins), line)

    untidy = right.replace("snug: 0.10 N·m", "snug:    0.10Nm")
    s.type(untidy)
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await asyncio.wait_for(
        client.text_document_formatting_async(types.DocumentFormattingParams(s.document, options)), ANSWER_S)
    checks.equal(f"{name}: formatting gives the one form", [e.new_text for e in edits or []], [right])

    strange = right.replace("prompt: No visible damage", "prompt: \"\U0001f600 \u00e9\", answer: x")
    at = place(strange, "answer: x")
    s.type(strange)
    unknown = ("R0101", at.line, at.character)
    checks.check(f"{name}: columns are UTF-16", unknown in await s.told(lambda all: unknown in all))
    for text in ("", "\u0000", "a: [", "\t- &x *y\n" * 50, right[:200] + "\ufeff" + right[200:400]):
        s.type(text)
        for request, kind in ((client.text_document_completion_async, types.CompletionParams),
                              (client.text_document_hover_async, types.HoverParams)):
            await s.ask(request, kind, types.Position(3, 7))
    s.type(wrong)
    checks.equal(f"{name}: after any text it still works", await s.told(lambda all: all == mistake), mistake)
    await asyncio.wait_for(client.shutdown_session(), ANSWER_S)
    # The client of pytest-lsp says nothing of the status; that the process has ended it waits for.
    await asyncio.wait_for(client.stop(), ANSWER_S)


def main():
    checks = Checks()
    frames.hold(checks)
    warnings.simplefilter("error", pytest_lsp.LspSpecificationWarning)
    folder = workdir("editor")
    for path in (ROOT / "recipes" / "cannula-hub").glob("*.yaml"):
        shutil.copy(path, folder)
    for name in CLIENTS:
        asyncio.run(session(checks, name, folder))
    checks.end()


if __name__ == "__main__":
    main()
