"""A file of the published log, as the public pages and the trustees' board serve it.

Decides that only files below the published folder are served, to any page. Leaves how long they may be kept to
`caching`.
"""

from __future__ import annotations

import errno
from pathlib import Path

from flask import Response, abort
from werkzeug.security import safe_join

from stembus.webvote.caching import log_type


def log_file(public: Path, name: str) -> Response:
    """Not found is also a folder, and a name that no file can have."""
    path = safe_join(str(public.resolve()), name)
    try:
        found = path is not None and Path(path).is_file()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        found = False
    if path is None or not found:
        abort(404)
    # Read whole: the files are small, and an open file would outlive a reader who walks away.
    response = Response(Path(path).read_bytes(), mimetype=log_type(name))
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
