"""One family's variants: export, truth, files."""

import json
import os
import pathlib

import onnx

import match
import record
import transforms
from spec import Family
from variants import EXPORTS, export

ALL = [*EXPORTS, *transforms.TRANSFORMS]
NEGATIVE = ("ts17", "dynamo")
TOLERANCE = 1e-4  # float32, relative to the tensor's largest number
HALF_LIMIT = 2e-2  # float16, relative Euclidean distance


class Builder:
    """Builds a family's network once and its variants one by one."""

    def __init__(self, family: Family, folder: pathlib.Path):
        self.family, self.folder = family, folder
        self.net = family.make()
        self.seen = record.record(self.net) if self.net.layers else []

    def wants(self, v: str) -> bool:
        if not self.net.layers:
            return v in NEGATIVE
        if v in transforms.TRANSFORMS and not (self.folder / f"{transforms.TRANSFORMS[v].base}.onnx").exists():
            return False  # its base is among the failures already
        if v in ("ts17-len", "dynamo-len"):
            return self.net.length is not None
        return True

    def variant(self, v: str) -> None:
        tmp = self.folder / f".{v}.tmp.onnx"
        try:
            self.write(v, tmp)
            truth = self.truth(v, tmp)
            os.replace(tmp, self.folder / f"{v}.onnx")
        finally:
            tmp.unlink(missing_ok=True)
        path = self.folder / f"{v}.json"
        part = self.folder / f".{v}.tmp.json"
        part.write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
        os.replace(part, path)

    def write(self, v: str, tmp: pathlib.Path) -> None:
        if v in EXPORTS:
            export(self.net, EXPORTS[v], tmp)
            return
        t = transforms.TRANSFORMS[v]
        base = self.folder / f"{t.base}.onnx"
        if not base.exists():
            raise FileNotFoundError(f"{t.base} does not exist")
        t.make(base, tmp, self.net)

    def truth(self, v: str, path: pathlib.Path) -> dict:
        e, t = EXPORTS.get(v), transforms.TRANSFORMS.get(v)
        src = EXPORTS[t.base] if t else e
        proto = onnx.load(str(path), load_external_data=False)
        head = {
            "family": self.family.name, "group": self.family.group, "variant": v, "exporter": src.exporter,
            "opset": next(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")),
            "dynamic": src.axes, "float": t is None or t.exact_class, "nodes": len(proto.graph.node),
            "checker": checker(path), "blocks": [], "note": self.net.note or self.family.why,
        }
        if not self.net.layers:
            return head
        limit = t.limit if t else (HALF_LIMIT if e.half else None)
        prior = self.prior(t.base) if t else None
        values = match.Matcher(match.all_values(path, self.net.inputs))
        for i, (layer, seen) in enumerate(zip(self.net.layers, self.seen)):
            names, why = match.match_layer(values, seen, TOLERANCE, limit, prior[i] if prior else None)
            head["blocks"].append(block_json(i, layer, names, why))
        return head

    def prior(self, base: str) -> list[dict]:
        """The names that the float model of a transformed one has for each role."""
        out = []
        for b in json.loads((self.folder / f"{base}.json").read_text())["blocks"]:
            b["residual0"], b["residual1"] = b["residual"]
            out.append(b)
        return out


def checker(path) -> str:
    """What onnx's own checker says against the file, empty if nothing."""
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as err:
        return str(err).strip().splitlines()[0][:300]
    return ""


def block_json(i, layer, names, why) -> dict:
    got = lambda role: names.get(role, [])  # noqa: E731
    out = {
        "index": i, "kind": layer.kind, "pre_norm": layer.pre_norm, "heads": layer.heads, "width": layer.width,
        "mlp": layer.fc1 is not None,
        **{r: got(r) for r in ("q", "k", "v", "o", "fc1", "fc2")},
        "residual": [got("residual0"), got("residual1")], "softmax": got("softmax"),
    }
    if why:
        out["unscored"] = why
    if layer.note:
        out["note"] = layer.note
    return out
