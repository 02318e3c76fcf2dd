"""The description of the API as a page for people: plain HTML that loads nothing."""

from __future__ import annotations

from html import escape
from typing import Any, Final

_METHODS: Final = ("get", "post", "put", "delete")

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884; }
details { border: 1px solid #8884; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; text-transform: uppercase; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
pre { overflow: auto; max-height: 24rem; }
"""


def render_page(document: dict[str, Any]) -> str:
    info = document["info"]
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["Other"])[0]
                groups.setdefault(tag, []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(groups[tag])}" for tag in sorted(groups))
    shapes = document["components"].get("schemas", {})
    body += "<h2>Shapes</h2>" + "".join(_shape(name, shapes[name]) for name in sorted(shapes))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        "<p>Send <code>Authorization: Bearer &lt;key&gt;</code>. The same as "
        '<a href="openapi.json">OpenAPI document</a>.</p>'
        f"{body}</body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    title = operation.get("summary", "")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method">{method}</span> <code>{escape(path)}</code> '
        f"{escape(title)}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"{_parameters(operation.get('parameters', []))}{_body(operation.get('requestBody'))}"
        f"{_responses(operation['responses'])}</details>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
        f"<td>{'required' if each.get('required') else ''}</td>"
        f"<td>{escape(each.get('description', ''))}</td></tr>"
        for each in parameters
    )
    return f"<table><tr><th>Parameter</th><th>In</th><th></th><th></th></tr>{rows}</table>"


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    kinds = ", ".join(
        f"<code>{escape(kind)}</code> {_link(content['schema'])}"
        for kind, content in body["content"].items()
    )
    return f"<p>Body: {kinds}</p>"


def _responses(responses: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{_links(answer)}</td></tr>"
        for status, answer in sorted(responses.items())
    )
    return f"<table><tr><th>Answer</th><th></th><th></th></tr>{rows}</table>"


def _links(answer: dict[str, Any]) -> str:
    return " ".join(
        _link(content.get("schema", {})) for content in answer.get("content", {}).values()
    )


def _link(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return f'<a href="#shape-{escape(name)}">{escape(name)}</a>' if name else ""


def _shape(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{escape(_kind(value))} {_link(value)}</td>"
        f"<td>{'required' if field in required else ''}</td></tr>"
        for field, value in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description", ""))
    return (
        f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{text}</p><table>{rows}</table></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    if "type" in schema:
        kind = schema["type"]
        return " or ".join(kind) if isinstance(kind, list) else str(kind)
    options = schema.get("anyOf") or schema.get("oneOf") or []
    return " or ".join(filter(None, map(_kind, options)))
