"""A stand-in for the daemon in the power rig's self-test: answers numbered datagrams, each after writing its number to a file.

    stand-in.py serve PORT FILE fdatasync|forget    in the guest: `forget` answers without waiting for the disk
    stand-in.py load ADDRESS PORT SECONDS           on the host: sends numbers, prints the acknowledged ones at the end
    stand-in.py numbers FILE                        in the second guest: prints the numbers that are on the disk
"""

import os
import socket
import struct
import sys
import time


def serve(port, path, way):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("0.0.0.0", int(port)))
    # Preallocated, as the daemon's journal is: appending then changes no file size.
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.posix_fallocate(file, 0, 1 << 20)
    os.fsync(file)
    os.sync()
    print("serving", flush=True)
    position = 0
    while True:
        datagram, peer = listener.recvfrom(64)
        os.pwrite(file, datagram, position)
        position += len(datagram)
        if way == "fdatasync":
            os.fdatasync(file)
        listener.sendto(datagram, peer)


def load(address, port, seconds):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, int(port)))
    sender.settimeout(0.2)
    end = time.monotonic() + float(seconds)
    number = 0
    while time.monotonic() < end:
        number += 1
        sender.send(struct.pack(">Q", number))
        try:
            print(struct.unpack(">Q", sender.recv(64))[0], flush=True)
        except (TimeoutError, ConnectionRefusedError):
            pass


def numbers(path):
    # Where no flush reached the disk, not even the file's name did.
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        content = file.read()
    for (number,) in struct.iter_unpack(">Q", content):
        if number:
            print(number)


if __name__ == "__main__":
    {"serve": serve, "load": load, "numbers": numbers}[sys.argv[1]](*sys.argv[2:])
