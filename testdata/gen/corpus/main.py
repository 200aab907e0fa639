"""Builds the detection corpus.

    python main.py --out DIR [--only FAMILY[,FAMILY]] [--variants V,V] [--jobs N]

Each export is DIR/FAMILY/VARIANT.onnx with its truth in VARIANT.json; what
exists is kept, so a broken run is simply started again. Exports that PyTorch
or a converter fails to write are listed with their error in DIR/failed.json.
"""

import argparse
import contextlib
import importlib
import json
import multiprocessing
import os
import pathlib
import signal
import tempfile
import time
import traceback

import torch

import build
import reference
from spec import FAMILIES

MODULES = ("audio", "vision", "text", "plain", "negatives", "fresh")
LIMIT = 240  # seconds of processor time for one variant


def load_families() -> None:
    for m in MODULES:
        importlib.import_module(m)


def write_json(path: pathlib.Path, value) -> None:
    tmp = path.with_suffix(".tmp")
    tmp.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    os.replace(tmp, path)


def complete(folder: pathlib.Path, variants: list[str]) -> bool:
    """Whether nothing is left to build, as far as the folder tells."""
    failed = folder / "failed.json"
    errors = json.loads(failed.read_text()) if failed.exists() else {}
    return (folder / "torch.npz").exists() and all(v in errors or (folder / f"{v}.json").exists() for v in variants)


def work(task) -> str:
    """Build the missing variants of one family, in its own process."""
    name, out, variants = task
    torch.set_num_threads(1)
    begin = time.time()
    family = FAMILIES[name]
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    failed = folder / "failed.json"
    errors = json.loads(failed.read_text()) if failed.exists() else {}
    todo = [v for v in variants if not (folder / f"{v}.json").exists() and v not in errors]
    try:
        builder = build.Builder(family, folder)
    except Exception as err:  # a family that cannot be built must not stop the others
        traceback.print_exc()
        return f"{name}: BROKEN {first_line(err)}"
    with contextlib.suppress(RuntimeError):  # a network without a gradient
        if not (folder / "torch.npz").exists():
            reference.write(builder.net, folder / "torch.npz")
    done = 0
    for v in todo:
        if not builder.wants(v):
            continue
        try:
            signal.signal(signal.SIGPROF, overtime)
            signal.setitimer(signal.ITIMER_PROF, LIMIT)
            builder.variant(v)
            done += 1
        except Exception as err:  # recorded, never hidden
            errors[v] = f"{type(err).__name__}: {first_line(err)}"
            write_json(failed, errors)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return f"{name}: {done} written, {len(errors)} failed, {time.time() - begin:.0f} s"


def overtime(*_):
    raise TimeoutError(f"more than {LIMIT} s of processor time")


def first_line(err) -> str:
    """The first telling line of an error, without this machine's paths."""
    lines = [l.strip() for l in str(err).splitlines() if l.strip()]
    text = next((l for l in lines if "Failed to" not in l and not l.startswith(("-", "##"))), lines[0] if lines else "")
    return " ".join(w for w in text.split() if "/" not in w)[:300]


def summary(out: pathlib.Path) -> None:
    errors = {}
    for path in sorted(out.glob("*/failed.json")):
        errors[path.parent.name] = json.loads(path.read_text())
    write_json(out / "failed.json", errors)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=pathlib.Path, required=True)
    ap.add_argument("--only", default="")
    ap.add_argument("--variants", default="")
    ap.add_argument("--jobs", type=int, default=2)
    args = ap.parse_args()
    load_families()
    names = args.only.split(",") if args.only else list(FAMILIES)
    variants = args.variants.split(",") if args.variants else list(build.ALL)
    build_all({n: variants for n in names}, args.out, args.jobs)
    summary(args.out)


def warm_up(names: list[str]) -> None:
    """Import here what every forked process would import for itself: transformers
    loads its models late, and so does the exporter its own parts."""
    import onnxruntime.quantization  # noqa: F401
    import onnxruntime.transformers.float16  # noqa: F401
    import onnxruntime.transformers.optimizer  # noqa: F401
    import onnxscript.optimizer  # noqa: F401

    torch.set_num_threads(1)
    for name in names:
        with contextlib.suppress(Exception):  # reported by the family's own process
            FAMILIES[name].build()
    with tempfile.TemporaryDirectory() as tmp:
        tiny = build.Builder(FAMILIES["plain"], pathlib.Path(tmp))
        for v in ("ts17", "dynamo"):
            tiny.write(v, pathlib.Path(tmp) / f"{v}.onnx")


def build_all(wanted: dict[str, list[str]], out: pathlib.Path, jobs: int) -> None:
    """Build families in processes of their own, forked so that the imports are shared."""
    tasks = [(name, out, variants) for name, variants in wanted.items() if not complete(out / name, variants)]
    warm_up([name for name, *_ in tasks])
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for line in pool.imap_unordered(work, tasks, chunksize=1):
            print(line, flush=True)


if __name__ == "__main__":
    main()
