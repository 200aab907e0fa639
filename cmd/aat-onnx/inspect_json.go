package main

import (
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// inspectJSON is the machine form; value names are the ONNX names of the
// projections' results, bias included.
func inspectJSON(m *graphsurgery.Model, blocks []adapterinject.Block, report adapterinject.Report) map[string]any {
	opset, _ := m.Opset("")
	list := make([]map[string]any, 0, len(blocks))
	for _, b := range blocks {
		list = append(list, blockJSON(b))
	}
	out := map[string]any{
		"producer": m.Producer(), "opset": opset, "nodes": len(m.Graph.Nodes()),
		"parameters": m.Parameters(nil) + quantised(m), "quantised_parameters": quantised(m), "digest": m.Digest(),
		"inputs": portsJSON(m.Graph.Inputs()), "outputs": portsJSON(m.Graph.Outputs()),
		"blocks": list, "misses": missesJSON(report),
	}
	if labels, err := finetune.Labels(m); err == nil && labels != nil {
		out["labels"] = labels
	}
	if info, ok := adapterinject.Provenance(m); ok {
		out["adapters"] = map[string]any{"method": info.Method, "base_digest": info.BaseDigest, "parameters": m.Parameters(added)}
	}
	return out
}

// added reports whether inject made the initialiser.
func added(initializer string) bool { return strings.HasPrefix(initializer, adapterinject.Prefix) }

// missesJSON says why each candidate that is no block is none.
func missesJSON(r adapterinject.Report) []map[string]any {
	list := []map[string]any{}
	for _, c := range r.Misses() {
		list = append(list, map[string]any{"node": c.Node, "op": c.Op, "step": c.Step, "why": c.Why})
	}
	return list
}

func blockJSON(b adapterinject.Block) map[string]any {
	sites := make([]map[string]any, 0, len(b.Sites))
	for _, s := range b.Sites {
		sites = append(sites, map[string]any{
			"name": s.Name, "value": s.Value.Name(), "shape": dimsJSON(s.Shape), "dtype": s.DType.String(), "width": s.Width,
		})
	}
	return map[string]any{
		"index": b.Index, "kind": b.Kind.String(), "weights": b.Weights.String(), "pre_norm": b.PreNorm,
		"heads": b.Heads, "width": b.Width, "activation": b.Activation,
		"attention": map[string]any{
			"q": valueName(b.Query), "k": valueName(b.Key), "v": valueName(b.Value), "o": valueName(b.Output),
		},
		"softmax":  valueName(b.Softmax),
		"residual": []any{valueName(b.ResidualAttn), valueName(b.ResidualMLP)},
		"mlp":      map[string]any{"fc1": valueName(b.FC1), "fc2": valueName(b.FC2), "gate": valueName(b.Gate)},
		"sites":    sites,
	}
}

func portsJSON(values []*graphsurgery.Value) []map[string]any {
	out := make([]map[string]any, 0, len(values))
	for _, v := range values {
		out = append(out, map[string]any{"name": v.Name(), "dtype": v.DType().String(), "shape": dimsJSON(v.Shape())})
	}
	return out
}

// dimsJSON gives numbers for known sizes and names for symbolic ones.
func dimsJSON(dims []graphsurgery.Dim) []any {
	out := make([]any, 0, len(dims))
	for _, d := range dims {
		if d.Value >= 0 {
			out = append(out, d.Value)
		} else {
			out = append(out, d.Param)
		}
	}
	return out
}

func valueName(v *graphsurgery.Value) any {
	if v == nil {
		return nil
	}
	return v.Name()
}
