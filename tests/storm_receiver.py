"""A receiver in a process of its own, as bad as receivers are: ``storm_receiver.py LOG SEED``.

Prints its port, then serves until it is killed. Each request writes ``begin ID RESOURCE
VERSION`` into the log, each answer ``answer ID STATUS``, before it is given.
"""

import hashlib
import hmac
import json
import os
import random
import socket
import sys
import threading
import time

LATE = 2.5  # longer than anybody waits for an answer
MOODS = {"fine": 80, "error": 6, "cut": 4, "hang": 2, "drip": 1, "redirect": 4, "endless": 3}


def main() -> None:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
    dice = random.Random(int(sys.argv[2]))
    secrets = sys.argv[3].split(",")
    server = socket.create_server(("127.0.0.1", 0), backlog=512)
    os.write(1, b"%d\n" % server.getsockname()[1])
    while True:
        sock, _ = server.accept()
        mood = dice.choices(list(MOODS), list(MOODS.values()))[0]
        threading.Thread(target=serve, args=(sock, mood, log, secrets), daemon=True).start()


def serve(sock: socket.socket, mood: str, log: int, secrets: list[str]) -> None:
    def note(*words: object) -> None:
        os.write(log, (" ".join(map(str, words)) + "\n").encode())

    try:
        with sock:
            head, body = read(sock)
            event = json.loads(body)
            number = event["id"]
            signed = hmac.new(secrets[int(head["path"])].encode(), body, hashlib.sha256)
            if signed.hexdigest() != head["x-hubrise-hmac-sha256"]:
                note("forged", number)
            note(
                "begin",
                number,
                event["customer_id"],
                event["new_state"]["custom_fields"].get("version", 0),
                hashlib.sha256(body).hexdigest(),
            )
            time.sleep(random.random() / 20)  # the work that an event makes
            answer(sock, mood, lambda status: note("answer", number, status, mood))
    except (OSError, ValueError):
        pass  # The worker was killed, or has waited long enough.


def read(sock: socket.socket) -> tuple[dict[str, str], bytes]:
    sock.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536) or exit_thread()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers["path"] = first.split(" ")[1].lstrip("/")
    while len(body) < int(headers["content-length"]):
        body += sock.recv(65536) or exit_thread()
    return headers, body


def exit_thread() -> bytes:
    raise ValueError("hung up")


def answer(sock: socket.socket, mood: str, note) -> None:
    match mood:
        case "fine":
            note(200)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        case "error":
            note(503)
            sock.sendall(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")
        case "redirect":
            note(302)
            there = b"http://127.0.0.1:9/"
            sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % there)
        case "cut":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        case "hang":
            time.sleep(LATE)
        case "drip":
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: 1\r\nContent-Length: 0\r\n\r\n":
                sock.sendall(bytes([byte]))
                time.sleep(LATE / 40)
        case "endless":
            note(200)
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                sock.sendall(b"x" * 65536)


if __name__ == "__main__":
    main()
