"""What every answer and every request has to keep, in one place: headers, origins, sizes.

Decides who may post from where, and that nothing is cached that should not be. Policies stand in `csp`. No app here
sets a cookie unless it says so itself.
"""

from __future__ import annotations

from flask import Flask, Response, abort, request

from stembus.webvote.static_files import integrity

_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    # A script whose hash does not stand in the page that names it is not run, nor such a style used.
    "Integrity-Policy": "blocked-destinations=(script style)",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def harden(app: Flask, policy: str, limit: int) -> None:
    """Security headers on every answer; no request body above `limit` bytes."""
    app.config["MAX_CONTENT_LENGTH"] = limit
    app.jinja_env.globals["integrity"] = integrity

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=63072000")
        return response


def allow_origin(app: Flask, origin: str) -> None:
    """Pages of `origin` may post here; a browser on any other page may not. A program that is no browser
    sends neither header and is let in: there are no cookies that it could ride on."""

    @app.before_request
    def check() -> Response | None:
        given = request.headers.get("Origin")
        if given is None:
            if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
                abort(403, "this service answers the voting page only")
        elif given != origin:
            abort(403, "this service answers the voting page only")
        if request.method == "OPTIONS":
            return Response(status=204)
        return None

    @app.after_request
    def share(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Max-Age"] = "7200"  # else a slow connection asks before each request anew
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.vary.add("Origin")
        return response


def same_origin(app: Flask) -> None:
    """Only this app's own pages may post here: a browser says where a request comes from, and must say it."""

    @app.before_request
    def check() -> None:
        own, given = request.host_url.rstrip("/"), request.headers.get("Origin")
        if request.method in ("GET", "HEAD") or given == own:
            return
        if given == own.replace("http:", "https:", 1):
            abort(403, "the proxy in front of this service does not say X-Forwarded-Proto: https; tell whoever runs it")
        abort(403, "this page answers its own forms only; if it is one, the proxy in front does not pass Host on")

    @app.after_request
    def name_origin(response: Response) -> Response:
        # Under "no-referrer" a form's request would name no origin.
        response.headers["Referrer-Policy"] = "same-origin"
        return response
