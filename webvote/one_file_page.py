"""Pages that are one file, served and saved alike: the one that checks a whole referendum, and the trustees'.

Decides what goes into the file and what it may do: run its one script, also as workers, and talk to whatever address
somebody types, as it belongs to no site. What it does is in `client/verify` and `client/trustee`.
"""

from __future__ import annotations

import base64
import hashlib

from stembus.webvote.static_files import STATIC


def one_file_parts(name: str) -> dict[str, str]:
    """What the template fills in, beside an address; `name` is the client's script."""
    script = (STATIC / "client" / f"{name}.js").read_text(encoding="utf-8")
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    assert "</script" not in script
    assert "</style" not in style
    policy = [
        "default-src 'none'",
        f"script-src '{source_hash(script)}'",
        f"style-src '{source_hash(style)}'",
        "worker-src blob:",
        "connect-src https: http:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types stembus-worker",
    ]
    return {"script": script, "style": style, "policy": "; ".join(policy)}


def source_hash(text: str) -> str:
    """A source expression of Content Security Policy level 3."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
