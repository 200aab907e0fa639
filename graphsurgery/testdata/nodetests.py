"""Asks onnx's checker about every model of onnx's own backend tests.

    pip install -r graphsurgery/testdata/faulty/requirements.txt
    python graphsurgery/testdata/nodetests.py FOLDER > graphsurgery/testdata/nodetests.json

FOLDER is the one of testdata/nodetests.sh. The result has, for each kind, the
number of models and those that the checker refuses, by default and with
full_check, with the first line of its message.
"""

import json
import pathlib
import re
import sys

import onnx
import onnx.checker


def verdict(path, **options):
    try:
        onnx.checker.check_model(str(path), **options)
        return ""
    except Exception as e:
        return re.sub(r"\s+", " ", str(e).strip().splitlines()[0])[:160]


def main():
    root = pathlib.Path(sys.argv[1])
    result = {}
    for kind in ["node", "simple", "pytorch-converted", "pytorch-operator"]:
        models = sorted(root.glob(f"{kind}/test_*/model.onnx"))
        refused = {"default": {}, "full_check": {}}
        for path in models:
            for level, options in [("default", {}), ("full_check", {"full_check": True})]:
                if said := verdict(path, **options):
                    refused[level][path.parent.name] = said
        result[kind] = {"models": len(models), **refused}
    json.dump({"onnx": onnx.__version__, "kinds": result}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
