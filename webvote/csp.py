"""What a page may load and talk to, as a content security policy; shared by the site and by whoever checks it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from stembus.audit.formats.manifest import Manifest

NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def origin_of(url: str) -> str:
    """`https://host:port` of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def theme_policy() -> str:
    """Of a picture that the city brought along: it loads nothing and runs nothing, and may style itself."""
    return "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


def page_policy(connect: Sequence[str]) -> str:
    """The policy of a page that loads its own script and style and talks to `connect`."""
    sources = " ".join(["'self'", *sorted(set(connect))])
    rules = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        f"connect-src {sources}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return "; ".join(rules)


def voting_policy(manifest: Manifest) -> str:
    """The policy of every page of one referendum: its registrars and its box, and nobody else."""
    services = [registrar.url for registrar in manifest.registrars] + [manifest.box.url]
    return page_policy([origin_of(url) for url in services])
