#!/usr/bin/env python3
"""The frozen layout of the plugin ABI.

  abi.py HEADERS GOLDEN            every struct, member, constant of the headers is as in GOLDEN, and nothing else is there;
                                   GOLDEN's offsets and sizes hold for each compiler, language and standard there is
  abi.py HEADERS GOLDEN --write    writes GOLDEN: only to append, in a new minor version
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HEADERS = ["causeway/plugin.h"]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def structs(text):
    """(struct, [(member, declaration)]) in the order of the headers."""
    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\} \1;", text, flags=re.S):
        members = []
        for declaration in match.group(2).split(";"):
            declaration = squeezed(declaration)
            if not declaration:
                continue
            pointer = re.search(r"\(\*(\w+)\)\(", declaration)
            name = pointer.group(1) if pointer else re.search(r"(\w+)(\[\w+\])?$", declaration).group(1)
            members.append((name, declaration))
        yield match.group(1), members


def constants(text):
    text = text.replace("\\\n", " ")
    for match in re.finditer(r"^#define (CW_\w+)[ \t]+(\S.*)$", text, flags=re.M):
        yield match.group(1), squeezed(match.group(2))


def all_text(root):
    files = [path for path in sorted(root.glob("causeway/**/*.h"))]
    return "\n".join(without_comments(path.read_text()) for path in files)


def golden_lines(root):
    text = all_text(root)
    source = ["#include <stddef.h>", "#include <stdio.h>", "#include <causeway/plugin.h>", "int main(void) {"]
    found = list(structs(text))
    for struct, members in found:
        for member, declaration in members:
            source.append(f'printf("member %s.%s %zu %zu %s\\n", "{struct}", "{member}", offsetof({struct}, {member}),'
                          f' sizeof((({struct}*)0)->{member}), "{declaration}");')
        source.append(f'printf("size %s %zu\\n", "{struct}", sizeof({struct}));')
    source.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "layout.c"
        path.write_text("\n".join(source))
        subprocess.run(["gcc", "-std=c11", f"-I{root}", path, "-o", path.with_suffix("")], check=True)
        layout = subprocess.run([path.with_suffix("")], check=True, capture_output=True, text=True).stdout.splitlines()
    layout += [f"constant {name} {value}" for name, value in constants(text)
               if name not in ("CW_EXPORT", "CW_EXPORT_ATTRIBUTE")]
    return layout


def assertions(golden):
    yield "#include <stddef.h>"
    yield "#include <causeway/plugin.h>"
    yield "#ifdef __cplusplus"
    yield "#define HOLDS(x) static_assert(x, #x)"
    yield "#else"
    yield "#define HOLDS(x) _Static_assert(x, #x)"
    yield "#endif"
    for line in golden:
        words = line.split(" ")
        if words[0] == "member":
            struct, member = words[1].split(".")
            yield f"HOLDS(offsetof({struct}, {member}) == {words[2]} && sizeof((({struct}*)0)->{member}) == {words[3]});"
        elif words[0] == "size":
            yield f"HOLDS(sizeof({words[1]}) == {words[2]});"
    yield "int causeway_abi_check;"


def compile_everywhere(root, golden):
    text = "\n".join(assertions(golden)) + "\n"
    tried = 0
    failed = []
    for compiler, language, standards in [
            ("gcc", "c", ["c11", "c17", "c2x"]), ("clang-16", "c", ["c11", "c17", "c2x"]),
            ("g++", "c++", ["c++11", "c++14", "c++17", "c++20", "c++2b"]),
            ("clang++-16", "c++", ["c++11", "c++14", "c++17", "c++20", "c++2b"])]:
        if not shutil.which(compiler):
            continue
        for standard in standards:
            result = subprocess.run(
                [compiler, "-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror",
                 "-fsyntax-only", f"-I{root}", "-"], input=text, text=True, capture_output=True)
            tried += 1
            if result.returncode != 0:
                failed.append(f"{compiler} -std={standard}:\n{result.stderr[:2000]}")
    return tried, failed


def main():
    root, golden_path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    present = golden_lines(root)
    if sys.argv[3:] == ["--write"]:
        golden_path.write_text("\n".join(present) + "\n")
        return 0
    golden = golden_path.read_text().splitlines()
    bad = False
    for line in [line for line in golden if line not in present]:
        bad = True
        print(f"gone or changed, which breaks every plugin that is out there: {line}")
    for line in [line for line in present if line not in golden]:
        bad = True
        print(f"not in {golden_path.name}: {line}")
    tried, failed = compile_everywhere(root, golden)
    for problem in failed:
        bad = True
        print(problem)
    print(f"{len(golden)} facts, asserted by {tried} combinations of compiler and standard")
    return 1 if bad or tried < 8 else 0


sys.exit(main())
