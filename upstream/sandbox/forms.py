"""A call's fields: query, urlencoded form, multipart form."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl


def fields_of(query: str, content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a call; the body's win over the query's, later ones over earlier ones.

    Text is UTF-8; what is not is read with replacement characters. A body of another type has no fields.
    """
    fields = dict(parse_qsl(query, keep_blank_values=True))
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields.update(_multipart(content_type, body))
    elif kind in ("application/x-www-form-urlencoded", ""):
        text = body.decode("utf-8", errors="replace")
        fields.update(parse_qsl(text, keep_blank_values=True))
    return fields


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", errors="replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = message.get_payload() if message.is_multipart() else []
    return dict(_field(part) for part in parts if isinstance(part, Message))


def _field(part: Message) -> tuple[str, str]:
    name = part.get_param("name", "", header="content-disposition")
    content = part.get_payload(decode=True)
    return str(name), content.decode("utf-8", errors="replace") if isinstance(content, bytes) else ""
