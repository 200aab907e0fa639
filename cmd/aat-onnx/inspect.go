package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

type inspectOptions struct {
	rank     float64
	why      string
	svg, dot string
	force    bool
}

func inspectCommand(a *app) *cobra.Command {
	var o inspectOptions
	c := &cobra.Command{
		Use:   "inspect MODEL.onnx",
		Short: "Show a model's inputs, outputs, Transformer blocks and adapter sites",
		Long: paragraphs(
			"Finds the Transformer blocks by the graph's structure (names are never read) and",
			"lists each site where an adapter can go, in the order of the flow, with its shape,",
			"its element type and what an adapter there would cost: two linear layers with",
			"biases, 2·d·r + r + d parameters, and their share of the model's.",
			"",
			"When a candidate is not a block, it says at which step recognition stopped. --why",
			"asks that of any node: its part in a block, or what was expected and found."),
		Example: "  aat-onnx inspect model.onnx\n  aat-onnx inspect model.onnx --rank 16\n  aat-onnx inspect model.onnx --why /encoder/layer.3/attention/Softmax\n  aat-onnx inspect model.onnx --svg model.svg\n  aat-onnx inspect model.onnx --json",
		Args:    exactArgs("MODEL.onnx"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.inspect(args[0], o) },
	}
	flags := c.Flags()
	flags.Float64Var(&o.rank, "rank", 0.25, "rank of the adapters whose cost is shown: a share of the width below 1, else a number")
	flags.StringVar(&o.why, "why", "", "explain what recognition made of the node (or value) of this name")
	flags.StringVar(&o.svg, "svg", "", "draw the graph, blocks in boxes, as SVG into this file")
	flags.StringVar(&o.dot, "dot", "", "draw it as DOT for Graphviz into this file")
	flags.BoolVar(&o.force, "force", false, "replace existing drawings")
	return c
}

func (a *app) inspect(path string, o inspectOptions) error {
	if math.IsNaN(o.rank) || o.rank <= 0 || o.rank >= 1 && o.rank != math.Trunc(o.rank) {
		return usage(fmt.Sprintf("--rank %v is neither a share below 1 nor a whole number", o.rank), "give a share of the width such as 0.25, or a number such as 16")
	}
	m, err := graphsurgery.Load(path)
	if err != nil {
		return err
	}
	if o.why != "" {
		return a.explain(m, o.why)
	}
	blocks, report := adapterinject.Find(m)
	if err := drawModel(m, blocks, o); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(inspectJSON(m, blocks, report))
	}
	a.printModel(m)
	a.printBlocks(m, blocks, report, o.rank)
	return nil
}

func (a *app) explain(m *graphsurgery.Model, node string) error {
	text, err := adapterinject.Explain(m, node)
	var unknown *graphsurgery.UnsupportedError
	if errors.As(err, &unknown) {
		hint := unknown.Hint
		if near := nearNames(m.Graph, node); len(near) > 0 {
			hint = "near names: " + strings.Join(near, ", ")
		}
		return usage(fmt.Sprintf("--why %s: %s", node, unknown.What), hint)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"node": node, "why": strings.Split(strings.TrimSpace(text), "\n")})
	}
	fmt.Fprint(a.stdout, text)
	return nil
}

func (a *app) printModel(m *graphsurgery.Model) {
	opset, _ := m.Opset("")
	rows := [][]string{
		{"producer", m.Producer()},
		{"opset", strconv.FormatInt(opset, 10)},
		{"nodes", strconv.Itoa(len(m.Graph.Nodes()))},
		{"parameters", parametersText(m)},
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

// printBlocks prints the blocks as a tree: block, sublayer, sites.
func (a *app) printBlocks(m *graphsurgery.Model, blocks []adapterinject.Block, report adapterinject.Report, rank float64) {
	if len(blocks) == 0 {
		fmt.Fprintf(a.stdout, "\nno Transformer block found\n%s", report)
		return
	}
	total := m.Parameters(nil) + quantised(m)
	fmt.Fprintf(a.stdout, "\n%s; cost of an adapter of rank %s at each site\n", plural(len(blocks), "Transformer block"), strconv.FormatFloat(rank, 'g', -1, 64))
	for _, b := range blocks {
		fmt.Fprintf(a.stdout, "block %d  %s\n", b.Index, blockText(b))
		var rows [][]string
		for i, s := range b.Sites {
			r := siteRank(rank, s.Width)
			branch := "├"
			if i == len(b.Sites)-1 {
				branch = "└"
			}
			rows = append(rows, []string{branch + " " + string(s.Name), s.DType.String() + shapeText(s.Shape), costText(s, r, total), s.Value.Name()})
		}
		table(a.stdout, rows...)
	}
	if misses := report.Misses(); len(misses) > 0 {
		fmt.Fprintf(a.stdout, "\n%s", report)
	}
}

// blockText is a block's line of facts.
func blockText(b adapterinject.Block) string {
	parts := []string{b.Kind.String()}
	if b.Kind == adapterinject.Window || b.Kind == adapterinject.Cross {
		if b.PreNorm {
			parts = append(parts, "pre-norm")
		} else {
			parts = append(parts, "post-norm")
		}
	}
	if b.Width > 0 {
		parts = append(parts, fmt.Sprintf("width %d", b.Width))
	}
	if b.Heads > 0 {
		parts = append(parts, plural(b.Heads, "head"))
	}
	if b.Weights != graphsurgery.Float && b.Weights != graphsurgery.Undefined {
		parts = append(parts, b.Weights.String()+" weights")
	}
	switch {
	case b.FC1 == nil:
		parts = append(parts, "no MLP")
	case b.Gate != nil:
		parts = append(parts, "MLP "+b.Activation+", gated")
	default:
		parts = append(parts, "MLP "+b.Activation)
	}
	return strings.Join(parts, ", ")
}

// siteRank is the rank that a share or number means at a site; at least 1.
func siteRank(rank float64, width int) int {
	if rank < 1 {
		return max(1, int(rank*float64(width)))
	}
	return int(rank)
}

func costText(s adapterinject.Site, rank int, total int64) string {
	if s.Width == 0 {
		return "width unknown"
	}
	cost := s.Parameters(rank)
	return fmt.Sprintf("r %d: %d (%.2f %%)", rank, cost, 100*float64(cost)/float64(max(1, total)))
}

func shapeText(dims []graphsurgery.Dim) string {
	if dims == nil {
		return ""
	}
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-1] + "…"
}
