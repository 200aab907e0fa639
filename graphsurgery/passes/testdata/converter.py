"""Counts what onnx.version_converter raises to an operator set version, as a
measure for the pass convert-opset.

    python converter.py out 23      # out: see compare.py

A model counts as equal if ONNX Runtime gives the same before and after.
"""

import collections
import json
import os
import sys

import onnx
from onnx import version_converter

sys.argv, args = [sys.argv[0]], sys.argv[1:]
import compare  # noqa: E402  (its main looks at sys.argv only when run itself)


def main(out, target):
    ours, theirs = collections.Counter(), collections.Counter()
    for line in open(os.path.join(out, "outcomes.jsonl")):
        o = json.loads(line)
        if o["Pass"] != f"opset{target}" or not (o["Changed"] or o["Error"]):
            continue
        try:
            s = compare.session(o["In"])
            feeds = compare.feeds_for(o["In"], s)
            want, tol = s.run(None, feeds), compare.tolerance(o["In"])
        except Exception:  # ONNX Runtime cannot run the original
            continue
        ours[verdict(lambda: o["Out"] or fail(), feeds, want, tol)] += 1
        theirs[verdict(lambda: convert(o["In"], target), feeds, want, tol)] += 1
    print("ours  ", dict(ours))
    print("theirs", dict(theirs))


def fail():
    raise ValueError("refused")


def convert(path, target):
    m = version_converter.convert_version(onnx.load(path), target)
    onnx.save(m, "/tmp/converted.onnx")
    return "/tmp/converted.onnx"


def verdict(make, feeds, want, tol):
    try:
        path = make()
    except Exception:
        return "refused"
    try:
        got = compare.session(path).run(None, feeds)
    except Exception:
        return "does not run"
    return "equal" if len(want) == len(got) and all(compare.same(a, b, tol) for a, b in zip(want, got)) else "differs"


main(args[0], int(args[1]))
