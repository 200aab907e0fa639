"""Makes the committed part of the corpus, testdata/corpus.

    AAT_CORPUS_SMALL=1 python small.py --build DIR   # build what is needed at small widths, then copy

Every family once, the variants in turn, and the negatives that resemble
attention most.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import onnx

import reference
import spec
from build import Builder
from main import build_all, load_families

OUT = pathlib.Path(__file__).resolve().parent.parent.parent / "corpus"

TURN = ("ts17", "dynamo", "ort2", "ts14-static", "int8", "dynamo23", "fp16", "ts11", "ort1", "dynamo-static",
        "ts20", "ort2-dynamo", "ts17-half", "int8-dynamo", "ortopt", "script")

NEGATIVES = ("attentive-pooling", "query-pooling", "mha-pooling", "moe", "linear-attention", "similarity",
             "self-similarity", "memory-read", "external-attention", "synthesizer", "lstm", "mixer", "gram-softmax")

LIMIT = 180_000  # bytes; a family whose file is bigger takes the next variant that fits
ROOMY = ("clap", "swin", "swinv2", "timm-swin", "timm-coatnet", "clap-fused")  # window attention is wordy: up to 460,000


def wanted() -> list[tuple[str, list[str]]]:
    """For each family the variants to try, best first."""
    out, turn = [], 0
    for f in spec.FAMILIES.values():
        if f.group == "fresh":
            continue
        if f.group == "negative":
            if f.name.removeprefix("neg-") in NEGATIVES:
                out.append((f.name, ["ts17" if len(out) % 2 else "dynamo"]))
            continue
        out.append((f.name, [*TURN[turn:], *TURN[:turn]]))
        turn = (turn + 1) % len(TURN)
    return out


def shrunk(model: pathlib.Path) -> bytes:
    """The file without the nodes' metadata, which is most of a small dynamo export."""
    proto = onnx.load(str(model))
    for n in proto.graph.node:
        del n.metadata_props[:]
    for v in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del v.metadata_props[:]
    return proto.SerializeToString()


def fits(folder: pathlib.Path, v: str) -> bool:
    model = folder / f"{v}.onnx"
    limit = 460_000 if folder.name in ROOMY else LIMIT
    return (folder / f"{v}.json").exists() and model.exists() and len(shrunk(model)) <= limit


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", type=pathlib.Path)
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--references", action="store_true", help="keep the exports, write torch.npz beside them")
    args = ap.parse_args()
    if not spec.SMALL:
        raise SystemExit("set AAT_CORPUS_SMALL=1")
    load_families()
    if args.references:
        write_references()
        return
    left = dict(wanted())
    for attempt in range(4):  # mostly the first; PyTorch cannot write some, others are too big
        build_all({n: with_bases([order[attempt % len(order)]]) for n, order in left.items()}, args.build, args.jobs)
        left = {n: order for n, order in left.items() if not any(fits(args.build / n, v) for v in order[: attempt + 1])}
    copy(args.build)
    for name in left:
        print(f"{name}: nothing fits")


def copy(build: pathlib.Path) -> None:
    """The first variant of each family that was written and fits."""
    shutil.rmtree(OUT, ignore_errors=True)
    total = 0
    for name, order in wanted():
        v = next((v for v in order if fits(build / name, v)), None)
        if v is None:
            continue
        (OUT / name).mkdir(parents=True)
        data = shrunk(build / name / f"{v}.onnx")
        (OUT / name / f"{v}.onnx").write_bytes(data)
        shutil.copyfile(build / name / f"{v}.json", OUT / name / f"{v}.json")
        total += len(data)
    write_references()
    print(f"{total / 1e6:.1f} MB")


def write_references() -> None:
    """What PyTorch computes, beside each committed export."""
    for folder in sorted(OUT.iterdir()):
        truth = next(folder.glob("*.json"), None)
        if truth is None:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            net = Builder(spec.FAMILIES[folder.name], pathlib.Path(tmp)).net
        reference.write_small(net, folder / "torch.npz", json.loads(truth.read_text())["float"])


def with_bases(variants: list[str]) -> list[str]:
    """The variants and what they are made from, in the order of building."""
    import build
    import transforms

    need = {transforms.TRANSFORMS[v].base for v in variants if v in transforms.TRANSFORMS} | set(variants)
    return [v for v in build.ALL if v in need]


if __name__ == "__main__":
    main()
