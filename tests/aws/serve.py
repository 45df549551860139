"""The AWS of the tests: moto's server on a free port, which it prints.

It ends when its standard input does, so that it never outlives the tests. Moto keeps the meaning of every request;
what is changed here is what it costs, and that threads may call it at the same time.
"""

import functools
import io
import os
import socket
import sys
import threading
import time

import flask
import moto.backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import S3Backend, s3_backends
from moto.sqs import models as sqs
from werkzeug.serving import make_server

LOCK = threading.RLock()


def one_at_a_time(owner, *names):
    """Gives methods a common lock: moto rebuilds its lists while other threads may read or change them."""
    for name in names:
        method = getattr(owner, name)

        @functools.wraps(method)
        def locked(*args, method=method, **kwargs):
            with LOCK:
                return method(*args, **kwargs)

        setattr(owner, name, locked)


def client_is_gone():
    """Tells whether the client of the request in work has closed its connection."""
    connection = flask.request.environ["werkzeug.socket"]
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def receive_message(self, queue_name, count, wait, *args, receive=sqs.SQSBackend.receive_message, **kwargs):
    """Long polling without holding the lock. As in AWS, a client that has gone takes no message with it."""
    end = time.monotonic() + wait
    while True:
        with LOCK:
            messages = [] if client_is_gone() else receive(self, queue_name, count, 0, *args, **kwargs)
        if messages or client_is_gone() or time.monotonic() >= end:
            return messages
        time.sleep(0.02)


def load(body):
    """Puts many objects at once: `BUCKET KEY-BYTES OBJECT-BYTES`, a line break, the key and the object, each."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    body = io.BytesIO(body)
    while line := body.readline():
        bucket, key_bytes, object_bytes = line.split()
        key = body.read(int(key_bytes)).decode()
        backend.put_object(bucket.decode(), key, body.read(int(object_bytes)))


class Application(DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        if "/cloudformation/" in environ.get("HTTP_AUTHORIZATION", ""):
            # What moto lacks of it, and takes seconds to import.
            import cloudformation  # noqa: F401
        if environ["PATH_INFO"] != "/load":
            return super().__call__(environ, start_response)
        load(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("204 No Content", [])
        return []


class QuietHandler(MotoRequestHandler):
    def log(self, type, message, *args):
        pass


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


# The server asks which services there are for every request, and looks into its folder for it.
services = tuple(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: services
# Both are called for every message in the queue at every message that is sent or received.
sqs.unix_time_millis = lambda: time.time() * 1000
sqs.SQSBackend.is_message_valid_based_on_retention_period = lambda *_: True
sqs.SQSBackend.receive_message = receive_message
one_at_a_time(
    sqs.SQSBackend, "send_message_batch", "send_message", "delete_message_batch", "delete_message", "purge_queue",
    "change_message_visibility", "change_message_visibility_batch", "get_queue_attributes", "create_queue",
)
one_at_a_time(S3Backend, "put_object", "list_objects", "delete_object", "create_bucket")

server = make_server("127.0.0.1", 0, Application(create_backend_app), threaded=True, request_handler=QuietHandler)
threading.Thread(target=end_with_input, daemon=True).start()
print(server.port, flush=True)
server.serve_forever()
