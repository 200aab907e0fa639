package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func inspectCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect MODEL.onnx",
		Short: "Show a model's inputs, outputs, Transformer blocks and adapter sites",
		Long: paragraphs(
			"Finds the Transformer blocks by the graph's structure (names are never read) and",
			"lists each site where an adapter can go. When a candidate is not a block, it says",
			"which step of the recognition failed."),
		Example: "  aat-onnx inspect model.onnx\n  aat-onnx inspect model.onnx --json",
		Args:    exactArgs("MODEL.onnx"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := graphsurgery.Load(args[0])
			if err != nil {
				return err
			}
			blocks, report := adapterinject.Find(m)
			if a.json {
				return a.printJSON(inspectJSON(m, blocks, report))
			}
			a.printModel(m)
			a.printBlocks(blocks, report)
			return nil
		},
	}
}

func (a *app) printModel(m *graphsurgery.Model) {
	opset, _ := m.Opset("")
	rows := [][]string{
		{"producer", m.Producer()},
		{"opset", strconv.FormatInt(opset, 10)},
		{"nodes", strconv.Itoa(len(m.Graph.Nodes()))},
		{"parameters", millions(m.Parameters(nil))},
	}
	for _, v := range m.Graph.Inputs() {
		rows = append(rows, []string{"input", v.Name() + " " + v.DType().String() + shapeText(v.Shape())})
	}
	for _, v := range m.Graph.Outputs() {
		rows = append(rows, []string{"output", v.Name() + " " + v.DType().String() + shapeText(v.Shape())})
	}
	if labels, err := finetune.Labels(m); err == nil && len(labels) > 0 {
		rows = append(rows, []string{"labels", strconv.Itoa(len(labels)) + ": " + shorten(strings.Join(labels, " "), 60)})
	}
	if info, ok := adapterinject.Provenance(m); ok {
		rows = append(rows, []string{"adapters", info.Method + " on base " + shorten(info.BaseDigest, 26)})
	}
	table(a.stdout, rows...)
}

func (a *app) printBlocks(blocks []adapterinject.Block, report adapterinject.Report) {
	if len(blocks) == 0 {
		fmt.Fprintf(a.stdout, "\nno Transformer block found\n%s", report)
		return
	}
	fmt.Fprintf(a.stdout, "\n%s\n", plural(len(blocks), "Transformer block"))
	for _, b := range blocks {
		fmt.Fprintf(a.stdout, "block %d  %s, width %d, heads %d, %s\n", b.Index, b.Kind, b.Width, b.Heads, b.Activation)
		var rows [][]string
		for _, s := range b.Sites {
			rows = append(rows, []string{"  " + string(s.Name), s.Value.Name(), s.DType.String() + shapeText(s.Shape)})
		}
		table(a.stdout, rows...)
	}
}

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
		"parameters": m.Parameters(nil), "digest": m.Digest(),
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
			"name": s.Name, "value": s.Value.Name(), "shape": dimsJSON(s.Shape), "dtype": s.DType.String(),
		})
	}
	return map[string]any{
		"index": b.Index, "kind": b.Kind.String(), "pre_norm": b.Kind == adapterinject.PreNorm,
		"heads": b.Heads, "width": b.Width, "activation": b.Activation,
		"attention": map[string]any{
			"q": valueName(b.Query), "k": valueName(b.Key), "v": valueName(b.Value), "o": valueName(b.Output),
		},
		"softmax":  valueName(b.Softmax),
		"residual": []any{valueName(b.ResidualAttn), valueName(b.ResidualMLP)},
		"mlp":      map[string]any{"fc1": valueName(b.FC1), "fc2": valueName(b.FC2)},
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

func shapeText(dims []graphsurgery.Dim) string {
	if dims == nil {
		return ""
	}
	parts := make([]string, len(dims))
	for i, d := range dims {
		switch {
		case d.Value >= 0:
			parts[i] = strconv.FormatInt(d.Value, 10)
		case d.Param != "":
			parts[i] = d.Param
		default:
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-1] + "…"
}
