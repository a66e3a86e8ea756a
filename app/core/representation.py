"""Representations of resources: conditional, and as sparse as the caller wants them."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from app.core.errors import invalid
from app.core.pagination import Page

JSON = "application/json"
CONDITIONAL: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified since the answer whose `ETag` came as `If-None-Match`"}
}

Fields = Annotated[
    str | None,
    Query(
        max_length=500,
        description="Members to show, separated by commas, such as `id,created_at`; all of them "
        "by default.",
    ),
]


def representation(request: Request, value: BaseModel, fields: str | None = None) -> Response:
    """The value as JSON with an `ETag`, of a page its items with `fields` alone; a 304 when the
    caller has it already. Raises a 422 for a member that there is not."""
    shown = None if fields is None else chosen(type(value), fields)
    content = value.model_dump_json(by_alias=True, include=shown).encode()
    return conditional(request, content, JSON)


def conditional(
    request: Request,
    content: bytes,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The content with an `ETag`, or a 304."""
    tag = tag_of(media_type, content)
    if is_known(request, tag):
        return not_modified(tag)
    return Response(content, media_type=media_type, headers={"ETag": tag, **(headers or {})})


def tag_of(*parts: object) -> str:
    """An `ETag` for whatever is made of these parts alone."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()[:32]}"'  # weak: the same content may travel compressed


def not_modified(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag})


def is_known(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, by the weak comparison of RFC 9110."""
    return matches(request.headers.get("if-none-match", ""), tag)


def matches(given: str, tag: str) -> bool:
    """Whether the value of an `If-None-Match` header names the tag."""
    known = {part.strip().removeprefix("W/") for part in given.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def chosen(kind: type[BaseModel], fields: str) -> Any:
    """The members to include, as pydantic takes them; of a page, those of every item.

    Raises a 422 for a member that there is not."""
    names = {part.strip() for part in fields.split(",") if part.strip()}
    is_page = issubclass(kind, Page)
    item: type[BaseModel] = kind.__pydantic_generic_metadata__["args"][0] if is_page else kind
    known = {field.serialization_alias or name: name for name, field in item.model_fields.items()}
    unknown = sorted(names - set(known))
    if unknown or not names:
        raise invalid(
            "fields",
            f"there is no member '{unknown[0]}'." if unknown else "no member is named.",
            f"Choose some of {', '.join(known)}.",
        )
    members = {known[name] for name in names}
    return {"items": {"__all__": members}, "next_cursor": True} if is_page else members


def sparse_schemas(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document that an operation with `fields` may leave members out."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            if "fields" not in names:
                continue
            content = operation["responses"]["200"]["content"][JSON]
            full = content["schema"]["$ref"].rsplit("/", 1)[1]
            content["schema"] = {"$ref": f"#/components/schemas/{_sparse(schemas, full)}"}


def _sparse(schemas: dict[str, Any], full: str) -> str:
    """The name of a schema like `full` whose members, or whose items' members, may be absent."""
    name = f"Sparse_{full}"
    if name not in schemas:
        schema = {**schemas[full]}
        items = schema.get("properties", {}).get("items", {}).get("items", {})
        if full.startswith("Page_") and "$ref" in items:
            item = _sparse(schemas, items["$ref"].rsplit("/", 1)[1])
            listed = {
                **schema["properties"]["items"],
                "items": {"$ref": f"#/components/schemas/{item}"},
            }
            schema["properties"] = {**schema["properties"], "items": listed}
        else:
            schema.pop("required", None)
        schemas[name] = schema
    return name
