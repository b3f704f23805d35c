"""A rendezvous of the older kind: its words, its table and its threads, without its busy loops.

Usage: older_server.py PORT. It answers no keep-alive; it prints a line for each datagram, as the older one did.
"""

import socket
import sys
import threading
import time

OFFLINE_AFTER = 30

members = {}


def tell(server, event, about, to):
    local, reached, _ = members[about]
    own_local, own_reached, _ = members[to]
    is_near = local.split(".")[:3] == own_local.split(".")[:3]
    addr = local if is_near else "%s:%d" % reached
    server.sendto(f"server_{event}_{about}_{addr}".encode(), own_reached)


def watch(server):
    while True:
        time.sleep(1)
        for name, (_, _, heard) in list(members.items()):
            if time.time() - heard > OFFLINE_AFTER:
                print(name, "is offline")
                for other in list(members):
                    if other != name:
                        tell(server, "offline", name, other)
                members.pop(name, None)


def serve(server):
    while True:
        datagram, reached = server.recvfrom(2048)
        fields = datagram.decode().split("_")
        _, event, name, local = fields[:4]
        print(name, event, "local:", local, "global:", reached)
        if event == "register":
            members[name] = (local, reached, time.time())
            for other in list(members):
                if other != name:
                    tell(server, "register", name, other)
            for other in list(members):
                tell(server, "register", other, name)
        elif event == "Keep Alive" and name in members:
            local, reached, _ = members[name]
            members[name] = (local, reached, time.time())
        elif event == "unregister" and name in members:
            for other in list(members):
                tell(server, "unregister", name, other)
            del members[name]


# As on a terminal, where it was watched.
sys.stdout.reconfigure(line_buffering=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))
print("Address =", server.getsockname(), flush=True)
threading.Thread(target=watch, args=(server,), daemon=True).start()
serve(server)
