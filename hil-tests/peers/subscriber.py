#!/usr/bin/env python3
"""An outside consumer: a Zenoh client in another language that writes down every sample it receives.

    subscriber.py ENDPOINT FILE

Runs in the suites' own venv (eclipse-zenoh). Each line of FILE is `key TAB payload`; the first line is
`ready`. It waits for the cell, comes back after the cell was away, and ends at SIGTERM.
"""

import signal
import sys
import threading

import zenoh

# Samples that wait to be written; a test's burst is a few hundred.
QUEUE_MAX = 100_000


def open_session(endpoint):
    config = zenoh.Config()
    config.insert_json5("mode", '"client"')
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("connect/endpoints", f'["{endpoint}"]')
    config.insert_json5("connect/timeout_ms", "-1")
    config.insert_json5("connect/exit_on_failure", "false")
    config.insert_json5("connect/retry", "{period_init_ms: 50, period_max_ms: 200, period_increase_factor: 1.5}")
    return zenoh.open(config)


def main():
    endpoint, path = sys.argv[1:]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with open(path, "w", encoding="utf-8") as out, open_session(endpoint) as session:
        subscriber = session.declare_subscriber("cellwright/v1/**", zenoh.handlers.FifoChannel(QUEUE_MAX))
        out.write("ready\n")
        out.flush()
        while not ended.is_set():
            wrote = False
            while (sample := subscriber.try_recv()) is not None:
                out.write(f"{sample.key_expr}\t{sample.payload.to_string()}\n")
                wrote = True
            if wrote:
                out.flush()
            ended.wait(0.02)


if __name__ == "__main__":
    main()
