"""The real LiteLLM, booted once for each configuration on stdin: what it does, as a line of JSON each on stdout.

Root, in a copy of the lab's image (test/lint/image.sh). LiteLLM is imported once (8 s) and forked; each fork runs LiteLLM's own
command line, `litellm --config config.yaml`, in a network of its own (loopback alone), so nothing leaves and no port is shared. With
--whole each one is a new process, as in a container: slower, and the same in all that is compared (that is what it is for).

stdin   [{"name", "config", "env": {}, "files": {}, "key": "", "complete": [model], "wait": seconds, "least": completions}]
stdout  {"name", "exit": code or null, "seconds", "log", "open": status without a key,
         "models": [...] with the key, "completions": [[status, text]], "ollama": was `ollama serve` run, "backend": [request line],
         "params": {model: litellm_params as /model/info shows them}}
"""
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request

WHOLE = "--whole" in sys.argv
BASE = "http://127.0.0.1:4000"
UID = 65532
ENV = {name: os.environ[name] for name in ("HOME", "PATH", "LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_MODE")}


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags = 0x8914  # SIOCSIFFLAGS
        fcntl.ioctl(s, flags, struct.pack("16sh", b"lo", 0x1 | 0x40))


def ask(path, key=None, body=None):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def litellm(folder, log, env, *arguments):
    """A process that runs LiteLLM's command line."""
    argv = ["litellm", "--config", "config.yaml", *arguments]
    if WHOLE:
        with open(log, "wb") as out:
            return subprocess.Popen(argv, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = argv
        sys.stdout = open(1, "w", buffering=1, closefd=False)
        sys.stderr = open(2, "w", buffering=1, closefd=False)
        from litellm_cli.main import proxy_server
        sys.exit(proxy_server())
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        import atexit
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


class Forked:
    def __init__(self, pid):
        self.pid, self.code = pid, None

    def poll(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self):
        while self.poll() is None:
            time.sleep(0.02)
        return self.code

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


def served(path):
    with open(path, errors="replace") as file:
        return file.read().count("POST /v1/chat/completions 200")


def examine(case, folder):
    os.unshare(os.CLONE_NEWNET)
    loopback_up()
    os.makedirs(folder)
    for name, text in {"config.yaml": case["config"], **case.get("files", {})}.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    for path, _, names in os.walk(folder):
        for name in (path, *(os.path.join(path, one) for one in names)):
            os.chown(name, UID, UID)
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    marker = os.path.join(folder, "ollama-was-run")
    env = {**ENV, "OLLAMA_MARKER": marker, **case.get("env", {})}
    backend = subprocess.Popen(
        ["/usr/bin/python3", "-u", "/tmp/openai-server.py", "--model", "m"], stdout=open(f"{folder}/backend", "wb"), stdin=subprocess.DEVNULL
    )
    result = {"name": case["name"]}
    start = time.monotonic()
    proxy = litellm(folder, f"{folder}/log", env, "--host", "127.0.0.1", "--port", "4000")
    while proxy.poll() is None and time.monotonic() - start < 90 and ask("/health/liveliness")[0] != 200:
        time.sleep(0.05)
    result["seconds"] = round(time.monotonic() - start, 1)
    if proxy.poll() is None:
        key = case.get("key")
        result["open"], _ = ask("/v1/models")
        status, text = ask("/v1/models", key)
        result["models"] = sorted(one["id"] for one in json.loads(text)["data"]) if status == 200 else None
        status, text = ask("/model/info", key)
        result["params"] = {one["model_name"]: one["litellm_params"] for one in json.loads(text)["data"]} if status == 200 else None
        result["completions"] = [
            ask("/v1/chat/completions", key, {"model": model, "messages": [{"role": "user", "content": "hello"}]}) for model in case.get("complete", [])
        ]
        time.sleep(case.get("wait", 0))
        # A busy machine is slow to start a sweep.
        while time.monotonic() - start < 90 and served(f"{folder}/backend") < case.get("least", 0):
            time.sleep(0.2)
    result["exit"] = proxy.poll()
    if result["exit"] is None:
        proxy.kill()
        proxy.wait()
    backend.kill()
    result["ollama"] = os.path.exists(marker)
    for name in ("log", "backend"):
        with open(f"{folder}/{name}", errors="replace") as file:
            result[name] = file.read()
    result["backend"] = [line for line in result["backend"].splitlines() if line.startswith("127.0.0.1 ")]
    return result


def main():
    os.environ.clear()
    os.environ.update(ENV)
    os.makedirs("/tmp/bin", exist_ok=True)
    with open("/tmp/bin/ollama", "w") as file:
        file.write('#!/bin/sh\n: > "$OLLAMA_MARKER"\n')
    os.chmod("/tmp/bin/ollama", 0o755)
    cases = json.load(sys.stdin)
    if not WHOLE:
        import gc
        gc.disable()  # a fifth of the import would be collections that find nothing
        import litellm_cli.main  # noqa: F401
        import litellm.proxy.proxy_server  # noqa: F401
        gc.freeze()
        gc.enable()
    running = set()  # as PID 1, orphans are also waited for
    for number, case in enumerate(cases):
        while len(running) == 2:
            running.discard(os.wait()[0])
        pid = os.fork()
        if pid == 0:
            try:
                result = examine(case, f"/tmp/case{number}")
            except BaseException:
                result = {"name": case["name"], "error": traceback.format_exc()}
            os.write(1, (json.dumps(result) + "\n").encode())
            os._exit(0)
        running.add(pid)
    while running:
        running.discard(os.wait()[0])


main()
