"""How gunicorn runs each of the services: `gunicorn --config python:stembus.webvote.run.gunicorn_settings ...`.

Decides threads, limits on what comes in, and what is logged. Leaves address and number of processes to the command
line. The names are gunicorn's own.
"""

from __future__ import annotations

worker_class = "stembus.webvote.run.bounded_worker.BoundedWorker"
threads = 16  # SQLAlchemy's pool has 15 connections for each process
worker_connections = 512
timeout = 60  # seconds without a sign of life, after which a process is replaced
graceful_timeout = 30
keepalive = 5

# Requests have few, short headers and no query; bodies are bounded by the apps.
limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 4096

# No address and no time of a request. gunicorn warns of malformed requests with the client's address, so only errors.
accesslog = None
loglevel = "error"

# By default in the home folder; nobody talks to it.
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn's heartbeat file, which must not wait for a disk
