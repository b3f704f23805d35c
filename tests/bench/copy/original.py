"""The shape of the original copier: a thread per file, 10,000 bytes at a time, two log lines per copy.

original.py SRC DST [SRC DST ...]
"""

import sys
import threading
import time

start = time.time()
lock = threading.Lock()


def log(line):
    with lock, open("log.txt", "a") as file:
        file.write("%.2f\t%s\n" % (time.time() - start, line))


def copy(source, target):
    log("Start copying %s to %s" % (source, target))
    with open(source, "rb") as reader, open(target, "ab") as writer:
        while True:
            piece = reader.read(10000)
            if not piece:
                break
            writer.write(piece)
    log("%s is copied completely" % target)


names = sys.argv[1:]
threads = [threading.Thread(target=copy, args=pair) for pair in zip(names[::2], names[1::2])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
