"""Valid files with a mistake: bytes changed, lost, doubled or put elsewhere; JSON and archives with another value somewhere."""

import json
import random
import zipfile
from io import BytesIO

__all__ = ["mutated"]

NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan"))
OTHERS = (None, True, False, "", "x", "a" * 3000, "\n", "[/]", "\ud800", "4", "../x", [], [1], [[]], {}, {"x": 1}, *NUMBERS)
"""What may stand where something else is meant."""


def mutated(name: str, content: bytes, rng: random.Random) -> bytes:
    """``content`` with one to three mistakes, of the kinds that a file of this name can have."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if name.endswith(".json") and rng.random() < 0.7:
            content = _json(content, rng)
        elif name.endswith((".npz", ".hbfp")) and rng.random() < 0.7:
            content = _archive(name, content, rng)
        else:
            content = _bytes(content, rng)
    return content


def _bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bytes of a file changed; near its beginning as often as anywhere, for that is where formats say what they are."""
    size = len(content)
    start = rng.randrange(min(size, 200) if rng.random() < 0.5 else size) if size else 0
    end = min(size, start + rng.choice((1, 1, 2, 4, 16, 100)))
    before, part, behind = content[:start], content[start:end], content[end:]
    changed = (
        lambda: bytes(byte ^ 1 << rng.randrange(8) for byte in part),
        lambda: rng.randbytes(len(part)),
        lambda: bytes([rng.choice((0, 255, 127, 128))]) * len(part),
        lambda: b"",
        lambda: part * rng.choice((2, 3, 100)),
        lambda: part + content[rng.randrange(size or 1) :][:50],
        lambda: part + rng.choice((b"9" * 30, b"-", b"1e999", b"nan", b"\xff\xfe", b"\0", b'"', b",", b"\n")),
    )
    return content[:start] if rng.random() < 0.1 else before + rng.choice(changed)() + behind


def _places(value, at=()) -> list[tuple]:
    """The ways to all values inside a value of JSON, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for key, below in inner for place in _places(below, (*at, key))]


def _json(content: bytes, rng: random.Random) -> bytes:
    """A value somewhere replaced, left out, doubled, or under another name; bytes where it is no JSON any more."""
    try:
        value = json.loads(content)
        *way, key = rng.choice(_places(value)[1:] or [()])
    except (ValueError, RecursionError):
        return _bytes(content, rng)
    holder = value
    for step in way:
        holder = holder[step]
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice(("", "x", "mantissa_width", str(key) * 2))] = holder.pop(key)
    elif kind == 3 and isinstance(holder[key], int | float) and abs(holder[key]) < 1e300:
        old = holder[key]
        holder[key] = rng.choice((old + 1, old - 1, -old, old * 2, old * 10**6, [old]))
    else:
        holder[key] = rng.choice(OTHERS)
    return json.dumps(value).encode()


def _archive(name: str, content: bytes, rng: random.Random) -> bytes:
    """A member of an archive changed, left out or under another name, its checksum right."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        member = rng.choice(list(members))
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError, EOFError, zipfile.zlib.error):
        return _bytes(content, rng)
    kind = rng.randrange(8)
    if kind == 0:
        del members[member]
    elif kind == 1:
        members[rng.choice(("z", "x", "y.npy", "../x.npy"))] = members.pop(member)
    else:
        members[member] = mutated(member, members[member], rng)
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()
