#!/usr/bin/env python3
"""A small OpenAI-compatible server: the lab's stand-in for vLLM. It holds no model and says so in every answer.

  openai-server.py [--host 127.0.0.1] [--port 8000] [--model NAME]... [--key KEY] [--hang]

GET  /health               200 with an empty body, like vLLM's, no key needed
GET  /version              {"version": ...}
GET  /v1/models            the models named with --model (the first is the default)
POST /v1/chat/completions  max_tokens words of canned text with their usage, streamed on demand
--key   asks for `Authorization: Bearer KEY` on /v1/*
--hang  takes a completion and never answers it
Each request is one line on stdout. Python's standard library only.
"""
import argparse
import http.server
import itertools
import json
import socketserver
import time
import uuid

TEXT = "This is the stand-in for vLLM in the lab of fabric and not a language model".split()
DEFAULT_TOKENS = len(TEXT)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--key", default="")
    parser.add_argument("--hang", action="store_true")
    found = parser.parse_args()
    found.model = found.model or ["lab-model"]
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fabric-lab-vllm-stand-in/1"
    sys_version = ""
    note = ""

    def log_message(self, *_):
        pass

    def log_request(self, code="-", size="-"):
        print(f"{self.client_address[0]} {self.command} {self.path} {int(code)}{self.note}", flush=True)

    def answer(self, code, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, code, kind, message):
        self.answer(code, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def refused(self):
        key = self.server.options.key
        if not key or self.headers.get("Authorization") == f"Bearer {key}":
            return False
        self.answer(401, {"error": "Unauthorized"})
        return True

    def do_GET(self):
        self.note = ""
        path = self.path.split("?")[0]
        if path == "/health":
            return self.answer(200)
        if path == "/version":
            return self.answer(200, {"version": "0.0.0+fabric-lab-stand-in"})
        if path != "/v1/models":
            return self.fail(404, "NotFoundError", "Not Found")
        if self.refused():
            return None
        return self.answer(200, {"object": "list", "data": [
            {"id": name, "object": "model", "created": self.server.started, "owned_by": "vllm", "root": name,
             "parent": None, "max_model_len": 32768} for name in self.server.options.model]})

    def do_POST(self):
        self.note = ""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.split("?")[0] != "/v1/chat/completions":
            return self.fail(404, "NotFoundError", "Not Found")
        if self.refused():
            return None
        try:
            ask = json.loads(raw)
            messages = ask["messages"]
            tokens = ask.get("max_completion_tokens", ask.get("max_tokens"))
            wanted = DEFAULT_TOKENS if tokens is None else int(tokens)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self.fail(400, "BadRequestError", f"cannot read the request: {error!r}")
        model = ask.get("model") or self.server.options.model[0]
        self.note = f" model={model} max_tokens={tokens} stream={bool(ask.get('stream'))}"
        if self.server.options.hang:
            return self.hang()
        if model not in self.server.options.model:
            return self.fail(404, "NotFoundError", f"The model `{model}` does not exist.")
        if wanted < 1:
            return self.fail(400, "BadRequestError", f"max_tokens must be at least 1, got {wanted}.")
        words = list(itertools.islice(itertools.cycle(TEXT), wanted))
        finish = "stop" if tokens is None else "length"
        prompt = sum(len(str(m.get("content", "")).split()) for m in messages if isinstance(m, dict))
        usage = {"prompt_tokens": prompt, "completion_tokens": len(words), "total_tokens": prompt + len(words)}
        base = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        if ask.get("stream"):
            return self.stream(base, words, finish, usage, ask.get("stream_options") or {})
        message = {"role": "assistant", "content": " ".join(words)}
        return self.answer(200, {**base, "object": "chat.completion", "usage": usage, "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]})

    def stream(self, base, words, finish, usage, wishes):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()

        def event(choices, **more):
            body = {**base, "object": "chat.completion.chunk", "choices": choices, **more}
            self.wfile.write(f"data: {json.dumps(body)}\n\n".encode())

        def delta(change, reason=None):
            event([{"index": 0, "delta": change, "logprobs": None, "finish_reason": reason}])

        delta({"role": "assistant", "content": ""})
        for n, word in enumerate(words):
            delta({"content": f" {word}" if n else word})
        delta({}, finish)
        if wishes.get("include_usage"):
            event([], usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def hang(self):
        print(f"{self.client_address[0]} {self.command} {self.path} hangs{self.note}", flush=True)
        self.close_connection = True
        while self.connection.recv(4096):  # until the client gives up
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        print(f"{client_address[0]} went away", flush=True)


if __name__ == "__main__":
    chosen = options()
    server = Server((chosen.host, chosen.port), Handler)
    server.options = chosen
    server.started = int(time.time())
    print(f"stand-in for vLLM on {chosen.host}:{chosen.port}, models {', '.join(chosen.model)}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
