"""`/docs`: the OpenAPI document for people, all of it from this service."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.core.errors import NotFoundError

router = APIRouter(include_in_schema=False)

PAGE = "/docs"
ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
}
# The page's own files alone. Its styles sheet has pictures in it, and its script sets styles.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STATIC = Path(__file__).parent / "static"


@router.get(PAGE)
def show_reference() -> Response:
    """The page."""
    headers = {"Content-Security-Policy": _POLICY}
    return FileResponse(_STATIC / "page.html", media_type="text/html", headers=headers)


@router.get(f"{PAGE}/{{asset}}")
def get_asset(asset: str) -> Response:
    """What the page is made of."""
    if asset not in ASSETS:
        raise NotFoundError(f"There is no file '{asset}'.")
    return FileResponse(_STATIC / asset, media_type=ASSETS[asset])
