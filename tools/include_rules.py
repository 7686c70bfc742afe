"""Checks that every `#include "…"` in csrc/ is allowed: `python tools/include_rules.py [ROOT]`.

The rule: what a folder's CMake target links, directly or through another, is what the folder may include. The links
themselves are checked against docs and design: no cycles, and none of the links that NEVER lists.
Prints one sentence for each broken rule and exits with 1 if there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# From → to, by folders below csrc/; "*" is every other folder. Not even through a third folder.
NEVER = (
    ("codec", "grpc", "the codec turns bytes into requests and knows no transport"),
    ("grpc", "codec", "the transport carries bytes and knows no request"),
    ("batching", "engines", "the batcher knows the engine contract and no engine"),
    ("engines", "server", "an engine does not know who runs it"),
    ("*", "python", "the bindings are the top of the core"),
)
# Headers that are not ours, and the folders that they belong to.
OWNED_HEADERS = (
    (re.compile(r"pybind11/|Python\.h$"), ("python",), "Python is known to the bindings only"),
    (re.compile(r"nghttp2/"), ("http2",), "nghttp2 is known to the sessions only"),
    (re.compile(r"openssl/"), ("net",), "OpenSSL is known to the byte streams only"),
    (re.compile(r"zlib\.h$"), ("grpc",), "zlib is known to the compression of messages only"),
    (re.compile(r"hwy/"), ("ops",), "Highway is known to the ops only"),
    (
        re.compile(r"j(peglib|error)\.h$|png\.h$|webp/"),
        ("image",),
        "encoded pictures are known to the picture decoders only",
    ),
    (
        re.compile(r"cuda(Typedefs)?\.h$"),
        ("cuda",),
        "the driver's header comes with csrc/cuda's own: everyone else includes those",
    ),
    (re.compile(r"openvino/"), ("engines/openvino", "tokenizer"), "OpenVINO is known to its engine and tokenizer only"),
)

LIBRARY = re.compile(r"pyserver_library\(\s*(\w+)\b([^)]*)\)")
LINKS = re.compile(r"target_link_libraries\(\s*(\w+)\b([^)]*)\)")
MODULE = re.compile(r"pybind11_add_module\(\s*(\w+)\b")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Target:
    """A folder of csrc/ and the targets that it links."""

    name: str
    folder: str
    links: frozenset[str]


def read_targets(csrc: Path) -> dict[str, Target]:
    """Every target of the core by its name."""
    targets = {}
    for file in sorted(csrc.rglob("CMakeLists.txt")):
        text = COMMENT.sub("", file.read_text())
        folder = file.parent.relative_to(csrc).as_posix()
        links: dict[str, set[str]] = {name: set() for name in MODULE.findall(text)}
        for name, arguments in LIBRARY.findall(text):
            _, _, depends = arguments.partition("DEPENDS")
            links[f"pyserver_{name}"] = set(depends.split())
        for name, arguments in LINKS.findall(text):
            links.setdefault(name, set()).update(arguments.split())
        for name, linked in links.items():
            targets[name] = Target(name, folder, frozenset(linked))
    return {
        name: Target(name, target.folder, frozenset(target.links & targets.keys())) for name, target in targets.items()
    }


def reachable(targets: dict[str, Target], start: str) -> set[str]:
    """The targets that `start` links, directly or through others; itself only in a cycle."""
    seen: set[str] = set()
    waiting = list(targets[start].links)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(targets[name].links)
    return seen


def lies_in(folder: str, rule: str) -> bool:
    """Whether `folder` is the folder `rule` or lies below it."""
    return folder == rule or folder.startswith(f"{rule}/")


def forbidden(source: str, destination: str) -> str | None:
    """Why the folder `source` must not know the folder `destination`."""
    for origin, target, reason in NEVER:
        from_here = not lies_in(source, target) if origin == "*" else lies_in(source, origin)
        if from_here and lies_in(destination, target):
            return reason
    return None


def broken_links(targets: dict[str, Target]) -> Iterator[str]:
    """The cycles and the forbidden links between targets."""
    for name, target in targets.items():
        for other in sorted(reachable(targets, name)):
            if other == name:
                yield f"csrc/{target.folder} links itself, through {', '.join(sorted(target.links))}."
            elif reason := forbidden(target.folder, targets[other].folder):
                yield f"csrc/{target.folder} must not link csrc/{targets[other].folder}: {reason}."


def folder_of(path: Path, csrc: Path, folders: set[str]) -> str | None:
    """The folder with a target that `path` belongs to."""
    for parent in path.relative_to(csrc).parents:
        if parent.as_posix() in folders:
            return parent.as_posix()
    return None


def broken_includes(csrc: Path, targets: dict[str, Target]) -> Iterator[str]:
    """The includes that no link allows."""
    allowed: dict[str, set[str]] = {}
    for name, target in targets.items():
        known = allowed.setdefault(target.folder, {target.folder})
        known |= {targets[other].folder for other in reachable(targets, name)}
    for file in sorted(csrc.rglob("*.[ch]*")):
        if file.suffix not in (".h", ".cc"):
            continue
        where = f"csrc/{file.relative_to(csrc).as_posix()}"
        folder = folder_of(file, csrc, set(allowed))
        if folder is None:
            yield f"{where} belongs to no target: no CMakeLists.txt beside it builds it."
            continue
        for bracket, header in INCLUDE.findall(file.read_text()):
            if problem := broken_include(csrc, folder, bracket, header, allowed):
                yield f"{where} includes {header}, but {problem}."


def broken_include(csrc: Path, folder: str, bracket: str, header: str, allowed: dict[str, set[str]]) -> str | None:
    """Why a file of `folder` must not include `header`; nothing where it may."""
    for pattern, owners, reason in OWNED_HEADERS:
        if pattern.match(header):
            return None if any(lies_in(folder, owner) for owner in owners) else reason
    if ".." in header.split("/"):
        return "an include names its file from csrc/ on, without .."
    if not (csrc / header).is_file():
        return None if bracket == "<" else "there is no such file below csrc/"
    destination = folder_of(csrc / header, csrc, set(allowed))
    if destination is None or destination in allowed[folder]:
        return None
    return forbidden(folder, destination) or f"csrc/{folder}/CMakeLists.txt does not link csrc/{destination}"


def main(arguments: list[str]) -> int:
    """The command line of this file."""
    csrc = Path(arguments[0] if arguments else Path(__file__).parent.parent) / "csrc"
    targets = read_targets(csrc)
    problems = [*broken_links(targets), *broken_includes(csrc, targets)]
    for problem in problems:
        print(problem)
    print(f"{len(targets)} targets, {len(problems)} broken rules")
    return 1 if problems or not targets else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
