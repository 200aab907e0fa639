package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
	"github.com/aat-onnx/aat-onnx/graphsurgery/draw"
)

type diffOptions struct {
	onlyAdapters, tensors, force bool
	svg                          string
}

func diffCommand(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff A.onnx B.onnx",
		Short: "Show what differs between two models: blocks, adapters, nodes, edges, tensors",
		Long: paragraphs(
			"Compares two models by what they compute. Nodes are matched by name, then by",
			"structure, so that a renaming is told from a change. Adapters that B has and A has",
			"not are listed by Transformer block and site; everything else is listed one by one,",
			"tensors with --tensors.",
			"",
			"With --only-adapters the command succeeds only if B is A with adapters, and perhaps a",
			"new head: every old node, edge, tensor and attribute is as it was. If not, it lists",
			"what else differs and ends with code 17."),
		Example: "  aat-onnx diff model.onnx adapted.onnx\n  aat-onnx diff model.onnx adapted.onnx --only-adapters",
		Args:    exactArgs("A.onnx", "B.onnx"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], o) },
	}
	f := c.Flags()
	f.BoolVar(&o.onlyAdapters, "only-adapters", false, "fail with code 17 if anything but adapters and their head was added or changed")
	f.StringVar(&o.svg, "svg", "", "draw B here, what A has not in colour")
	f.BoolVar(&o.force, "force", false, "replace the drawing if it exists")
	f.BoolVar(&o.tensors, "tensors", false, "list added, removed and renamed tensors too")
	return c
}

// differenceError says that models differ where they should not.
type differenceError struct {
	file string
	*diff.UnexpectedError
}

func (e *differenceError) Error() string {
	return fmt.Sprintf("%s has more than adapters: %s, first %s", e.file, plural(len(e.Changes), "other difference"), e.Changes[0])
}

func (a *app) diff(from, to string, o diffOptions) error {
	old, err := graphsurgery.Load(from)
	if err != nil {
		return err
	}
	new, err := graphsurgery.Load(to)
	if err != nil {
		return err
	}
	d := diff.Compare(old, new)
	adapters := addedAdapters(d)
	var unexpected *diff.UnexpectedError
	errors.As(onlyAdapters(old, new).Check(old, new, d), &unexpected)
	if o.svg != "" {
		picture := drawDiff(new, d, to)
		if err := writeDrawing(draw.SVG, o.svg, new.Graph, picture, o.force); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.printJSON(diffJSON(old, new, d, adapters, unexpected)); err != nil {
			return err
		}
	} else {
		a.printDiff(old, new, d, adapters, o)
	}
	if o.onlyAdapters && unexpected != nil {
		return &differenceError{to, unexpected}
	}
	return nil
}

// drawDiff colours what was added to or changed in a model; its blocks are open.
func drawDiff(m *graphsurgery.Model, d diff.Diff, title string) draw.Options {
	added, changed := map[string]bool{}, map[string]bool{}
	for _, c := range d.Changes {
		switch {
		case c.Graph != "":
			label, _, _ := strings.Cut(c.Graph, "/")
			changed[label] = true
		case c.What == diff.NodeAdded:
			added[c.Name] = true
		case c.What == diff.NodeChanged, c.What == diff.EdgeRewired && c.Field != "output":
			changed[c.Name] = true
		case c.What == diff.TensorChanged:
			for _, u := range m.Graph.Value(c.Name).Uses() {
				changed[u.Node.Label()] = true
			}
		}
	}
	blocks, _ := adapterinject.Find(m)
	o := drawing(m, blocks, title, true)
	injected := o.Class
	o.Class = func(n *graphsurgery.Node) draw.Class {
		switch class := injected(n); {
		case changed[n.Label()]:
			return draw.Changed
		case !added[n.Label()]:
			return draw.Frozen
		case class == draw.Trainable:
			return class
		}
		return draw.Added
	}
	return o
}

// onlyAdapters allows what inject adds: nodes and tensors under its prefix, its
// metadata, edges to them, and outputs that its new head gives.
func onlyAdapters(old, new *graphsurgery.Model) diff.Only {
	o := diff.Only{Prefix: adapterinject.Prefix, Metadata: "aat.", Rewired: diff.AnyNumber}
	for _, v := range old.Graph.Outputs() {
		w := new.Graph.Output(v.Name())
		if w != nil && w.Producer() != nil && strings.HasPrefix(w.Producer().Name(), adapterinject.Prefix+"head/") {
			o.Outputs = append(o.Outputs, v.Name())
		}
	}
	return o
}

// adapterDiff is what was added under one prefix: an adapter, or the head.
type adapterDiff struct {
	Name       string        `json:"name"`  // aat/block0/attn
	Block      int           `json:"block"` // -1 for the head
	Nodes      int           `json:"nodes"`
	Tensors    int           `json:"tensors"`
	Parameters int64         `json:"parameters"`
	Edges      []diff.Change `json:"edges"` // that read it now
}

// addedAdapters groups what was added by the names that inject gives: the prefix,
// the block and the site, or the head.
func addedAdapters(d diff.Diff) []*adapterDiff {
	of := map[string]*adapterDiff{}
	var list []*adapterDiff
	group := func(name string) *adapterDiff {
		rest, ours := strings.CutPrefix(name, adapterinject.Prefix)
		if !ours {
			return nil
		}
		parts := strings.Split(rest, "/")
		block, key := -1, parts[0]
		if digits, ok := strings.CutPrefix(parts[0], "block"); ok && len(parts) > 2 {
			if n, err := strconv.Atoi(digits); err == nil {
				block, key = n, parts[0]+"/"+parts[1]
			}
		}
		key = adapterinject.Prefix + key
		if of[key] == nil {
			of[key] = &adapterDiff{Name: key, Block: block, Edges: []diff.Change{}}
			list = append(list, of[key])
		}
		return of[key]
	}
	for _, c := range d.Changes {
		switch c.What {
		case diff.NodeAdded:
			if g := group(c.Name); g != nil {
				g.Nodes++
			}
		case diff.TensorAdded:
			if g := group(c.Name); g != nil {
				g.Tensors++
				g.Parameters += c.Count
			}
		case diff.EdgeRewired:
			if g := group(c.To); g != nil {
				g.Edges = append(g.Edges, c)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y *adapterDiff) int {
		return cmp.Compare(uint(x.Block), uint(y.Block)) // the head, -1, last
	})
	return list
}

func (a *app) printDiff(old, new *graphsurgery.Model, d diff.Diff, adapters []*adapterDiff, o diffOptions) {
	before, _ := adapterinject.Find(old)
	after, _ := adapterinject.Find(new)
	table(a.stdout,
		[]string{"", "A", "B"},
		[]string{"blocks", strconv.Itoa(len(before)), strconv.Itoa(len(after))},
		[]string{"nodes", strconv.Itoa(len(old.Graph.Nodes())), strconv.Itoa(len(new.Graph.Nodes()))},
		[]string{"parameters", millions(old.Parameters(nil)), millions(new.Parameters(nil))})
	if len(adapters) > 0 {
		fmt.Fprintln(a.stdout)
		rows := [][]string{{"added", "nodes", "tensors", "parameters", "read by"}}
		for _, x := range adapters {
			var readers []string
			for _, e := range x.Edges {
				readers = append(readers, e.Name)
			}
			rows = append(rows, []string{x.Name, strconv.Itoa(x.Nodes), strconv.Itoa(x.Tensors), strconv.FormatInt(x.Parameters, 10), strings.Join(readers, " ")})
		}
		table(a.stdout, rows...)
	}
	fmt.Fprintln(a.stdout)
	for _, c := range d.Changes {
		if o.lists(c) {
			fmt.Fprintln(a.stdout, c)
		}
	}
	fmt.Fprintln(a.stdout, d.Summary())
}

// lists reports whether a change gets a line: not what the adapters' table holds.
func (o diffOptions) lists(c diff.Change) bool {
	switch c.What {
	case diff.NodeAdded:
		return !strings.HasPrefix(c.Name, adapterinject.Prefix)
	case diff.TensorAdded:
		return o.tensors || !strings.HasPrefix(c.Name, adapterinject.Prefix)
	case diff.EdgeRewired:
		return !strings.HasPrefix(c.To, adapterinject.Prefix)
	case diff.TensorRemoved, diff.TensorRenamed:
		return o.tensors
	case diff.MetadataSet:
		return !strings.HasPrefix(c.Name, "aat.")
	}
	return true
}

func diffJSON(old, new *graphsurgery.Model, d diff.Diff, adapters []*adapterDiff, unexpected *diff.UnexpectedError) map[string]any {
	before, _ := adapterinject.Find(old)
	after, _ := adapterinject.Find(new)
	changes, others := d.Changes, []diff.Change{}
	if changes == nil {
		changes = others
	}
	if unexpected != nil {
		others = append(others, unexpected.Changes...)
	}
	if adapters == nil {
		adapters = []*adapterDiff{}
	}
	return map[string]any{
		"equal": d.Empty(), "only_adapters": unexpected == nil, "unexpected": others, "summary": d.Summary(),
		"blocks": []int{len(before), len(after)}, "adapters": adapters, "changes": changes,
	}
}
