# SPDX-License-Identifier: MIT
"""Both ends of a WebSocket (python3-websockets).

websocket_ends.py serve ADDRESS PORT     greets, then echoes every message
websocket_ends.py talk ADDRESS PORT      sends texts and binaries of many sizes, some at once; says "right N"
"""
import asyncio
import os
import sys

import websockets

SIZES = [0, 1, 125, 126, 1000, 65535, 65536, 300000, 1500000]


async def serve(address, port):
    async def talk(connection, *_):
        await connection.send("welcome")
        async for message in connection:
            await connection.send(message)

    async with websockets.serve(talk, address, port, max_size=1 << 22):
        await asyncio.Future()


async def talk(address, port):
    right = 0
    async with websockets.connect(f"ws://{address}:{port}/", max_size=1 << 22) as connection:
        assert await connection.recv() == "welcome"
        for size in SIZES:
            for message in (os.urandom(size), "ä" * (size // 2)):
                await connection.send(message)
                assert await connection.recv() == message
                right += 1
        batch = [os.urandom(size) for size in SIZES]
        for message in batch:
            await connection.send(message)
        for message in batch:
            assert await connection.recv() == message
            right += 1
        await connection.ping()
    print("right", right)


asyncio.run((serve if sys.argv[1] == "serve" else talk)(sys.argv[2], int(sys.argv[3])))
