"""Bodies of multipart/form-data: their fields as the values that JSON would hold, and how `/openapi.json` describes them."""

import base64
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import from_json
from python_multipart import create_form_parser
from python_multipart.multipart import MultipartState

from inkline.errors import UsageError

FORM = "multipart/form-data"
MAX_FORM_FIELDS = 100
MAX_NAME_CHARS = 50  # of a field, in a message


class CutForm(ValueError):
    """A form without its end, of which some may be missing."""


def form_fields(body: bytes, content_type: str) -> dict[str, list[str]]:
    """The fields of a body of multipart/form-data, each with all its values: a file's content as Base64, else text.

    Errors: CutForm for a body that ends before its last boundary; ValueError, and FormParserError of python_multipart, for
    one that is not what its type says.
    """
    fields: dict[str, list[str]] = {}

    def add(name: bytes | None, value: str) -> None:
        if sum(map(len, fields.values())) >= MAX_FORM_FIELDS:
            raise ValueError(f"more than {MAX_FORM_FIELDS} fields")
        fields.setdefault((name or b"").decode("utf-8", "replace"), []).append(value)

    def on_file(part: Any) -> None:
        part.file_object.seek(0)
        add(part.field_name, base64.b64encode(part.file_object.read()).decode("ascii"))

    def on_field(part: Any) -> None:
        add(part.field_name, (part.value or b"").decode("utf-8"))

    headers = {"Content-Type": content_type.encode("latin-1")}
    # Held in memory: the body is there already.
    config = {"MAX_MEMORY_FILE_SIZE": len(body) + 1}
    parser = create_form_parser(headers, on_field, on_file, config=config)
    parser.write(body)
    parser.finalize()
    # The parser takes what it has seen for whole, so a file of which the half came would be read as if it were all.
    if getattr(parser.parser, "state", None) != MultipartState.END:
        raise CutForm("the body ends before the last boundary of its form; send it whole")
    return fields


def form_values(model: type[BaseModel], fields: dict[str, list[str]]) -> dict[str, Any]:
    """What the fields of a form say in JSON: a list may come as repeated fields, as values between commas, or as JSON.

    Of an optional field, what has no content was not given. Errors: UsageError for a field given twice that takes one
    value, and for what is not the JSON that it looks like.
    """
    out: dict[str, Any] = {}
    for name, values in fields.items():
        known = model.model_fields.get(name)
        annotation = None if known is None else known.annotation
        if known is not None and not known.is_required():
            values = list(filter(None, values))
            if not values:
                continue
        if _takes(annotation, list):
            out[name] = [item for value in values for item in _items(name, value)]
        elif len(values) > 1:
            raise UsageError(f"field {name[:MAX_NAME_CHARS]!r} was given {len(values)} times, but takes one value")
        else:
            out[name] = _json(name, values[0]) if _takes(annotation, BaseModel) else values[0]
    return out


def _items(name: str, value: str) -> list[Any]:
    """The items in one field of a list: those of a JSON list, or what stands between commas, one more than may be at most."""
    if not value.lstrip().startswith("["):
        return [item.strip() for item in value.split(",", MAX_FORM_FIELDS)]
    items = _json(name, value)
    return items if isinstance(items, list) else [items]


def _json(name: str, value: str) -> Any:
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise UsageError(f"field {name!r} is not JSON ({error})") from error


def _takes(annotation: Any, kind: type) -> bool:
    """Whether a field of this annotation takes a list, or an object of its own."""
    choices = (annotation, *get_args(annotation))
    return any(get_origin(one) is kind or (isinstance(one, type) and issubclass(one, kind)) for one in choices)


def form_schema(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """The media type object of OpenAPI for `model` as a form. schema: the model's own, of its JSON.

    A file is sent as it is, there is no null, and a list is sent as repeated fields.
    """
    properties = {name: _without_null(part) for name, part in schema["properties"].items()}
    if "file" in properties:
        about = "an image or a PDF as it is; or as Base64 or an address, as in JSON"
        properties["file"] = {"type": "string", "format": "binary", "title": "File", "description": about}
    form = {**schema, "title": f"{schema['title']}Form", "properties": properties}
    objects = [name for name, known in model.model_fields.items() if _takes(known.annotation, BaseModel)]
    encoding = {name: {"contentType": "application/json"} for name in objects}
    return {"schema": form, **({"encoding": encoding} if encoding else {})}


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    """A property's schema without the null that JSON may have; of a text or a list of texts the list."""
    choices = [choice for choice in part.get("anyOf", [part]) if choice.get("type") != "null"]
    best = next((choice for choice in choices if choice.get("type") == "array"), choices[0])
    kept = {key: value for key, value in part.items() if key not in ("anyOf", "default")}
    about = part.get("description", "").replace("absent or null:", "absent:").replace("; null:", "; absent:")
    return {**best, **kept, **({"description": about} if about else {})}
