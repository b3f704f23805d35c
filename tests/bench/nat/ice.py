"""One end of a connection by aioice: gathers, connects and echoes as it is told, line by line.

Usage: ice.py SERVER USER PASSWORD udp|tcp. Lines in: `gather controlling|controlled`, `connect JSON` (what the other
end gathered). Lines out: `ready`, `gathered JSON`, then `echo direct|relay` (controlling) or `connected` (controlled),
or `failed REASON`.
"""

import asyncio
import json
import sys

import aioice

CONNECT_LIMIT = 12.0
ECHO_LIMIT = 3.0
SAY_AGAIN = 0.5


def say(*words):
    print(*words, flush=True)


class End:
    def __init__(self, server, user, password, transport):
        self.server = (server, 3478)
        self.relay = dict(turn_username=user, turn_password=password, turn_transport=transport)
        self.connection = None
        self.echoing = None

    async def gather(self, role):
        await self.close()
        self.connection = aioice.Connection(
            ice_controlling=role == "controlling",
            stun_server=self.server,
            turn_server=self.server,
            **self.relay,
        )
        await self.connection.gather_candidates()
        say("gathered", json.dumps({
            "candidates": [candidate.to_sdp() for candidate in self.connection.local_candidates],
            "username": self.connection.local_username,
            "password": self.connection.local_password,
        }))

    async def connect(self, other):
        connection = self.connection
        connection.remote_username = other["username"]
        connection.remote_password = other["password"]
        for candidate in other["candidates"]:
            await connection.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
        await connection.add_remote_candidate(None)
        await asyncio.wait_for(connection.connect(), CONNECT_LIMIT)
        if connection.ice_controlling:
            await asyncio.wait_for(self.hear_echo(), ECHO_LIMIT)
            say("echo", "direct" if self.is_direct() else "relay")
        else:
            self.echoing = asyncio.ensure_future(self.echo())
            say("connected")

    async def hear_echo(self):
        while True:
            await self.connection.send(b"hi")
            try:
                await asyncio.wait_for(self.connection.recv(), SAY_AGAIN)
                return
            except asyncio.TimeoutError:
                pass

    async def echo(self):
        while True:
            await self.connection.send(await self.connection.recv())

    def is_direct(self):
        pair = self.connection._nominated[1]
        return "relay" not in (pair.local_candidate.type, pair.remote_candidate.type)

    async def close(self):
        if self.echoing:
            self.echoing.cancel()
            self.echoing = None
        if self.connection:
            await self.connection.close()
            self.connection = None


async def main():
    end = End(*sys.argv[1:])
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say("ready")
    while line := (await lines.readline()).decode().strip():
        word, _, rest = line.partition(" ")
        try:
            await (end.gather(rest) if word == "gather" else end.connect(json.loads(rest)))
        except Exception as error:  # whatever it is, the other side must not wait for this one
            say("failed", type(error).__name__, str(error).replace("\n", " "))


asyncio.run(main())
