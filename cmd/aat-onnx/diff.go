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
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
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
			"tensors with --tensors. What has no bearing on the result is not compared: doc strings,",
			"metadata of nodes, the order of nodes, and how values are stored.",
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
	now, err := graphsurgery.Load(to)
	if err != nil {
		return err
	}
	d, err := diff.Compare(old, now)
	if err != nil {
		return err
	}
	before, _ := adapterinject.Find(old)
	after, _ := adapterinject.Find(now)
	adapters := addedAdapters(d, now, after)
	var unexpected *diff.UnexpectedError
	errors.As(onlyAdapters(now).Check(old, now, d), &unexpected)
	if unexpected, err = misfits(old, now, d, unexpected); err != nil {
		return err
	}
	if o.svg != "" {
		picture := drawDiff(now, d, after, to)
		if err := writeDrawing(draw.SVG, o.svg, now.Graph, picture, o.force, old, now); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.printJSON(diffJSON(len(before), len(after), d, adapters, unexpected)); err != nil {
			return err
		}
	} else {
		a.printDiff(counted(old, before), counted(now, after), d, adapters, unexpected, o)
	}
	if o.onlyAdapters && unexpected != nil {
		return &differenceError{to, unexpected}
	}
	return nil
}

// drawDiff colours what was added to or changed in a model. The first block with such is
// open; those after it are single boxes with a coloured border.
func drawDiff(m *graphsurgery.Model, d diff.Diff, blocks []adapterinject.Block, title string) draw.Options {
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
	opened := false
	o := drawing(m, blocks, title, func(_ int, nodes []*graphsurgery.Node) bool {
		if opened { // the others are alike, and their boxes' borders tell
			return false
		}
		opened = slices.ContainsFunc(nodes, func(n *graphsurgery.Node) bool { return added[n.Label()] || changed[n.Label()] })
		return opened
	})
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
// metadata, edges to them, and outputs that these nodes give: a new head's, or a norm's
// that is scaled. Which outputs may be such, the recipe says; see misfits.
func onlyAdapters(now *graphsurgery.Model) diff.Only {
	o := diff.Only{Prefix: adapterinject.Prefix, Metadata: "aat.", Rewired: diff.AnyNumber}
	for _, v := range now.Graph.Outputs() {
		if p := v.Producer(); p != nil && strings.HasPrefix(p.Name(), adapterinject.Prefix) {
			o.Outputs = append(o.Outputs, v.Name())
		}
	}
	return o
}

// replayed compares the new model with what its own recipe makes of the old one.
func replayed(old, now *graphsurgery.Model, d diff.Diff) ([]adapterinject.Misfit, error) {
	if len(d.Changes) == 0 {
		return nil, nil
	}
	plan, err := kinds.Replan(old, now)
	if err != nil {
		return []adapterinject.Misfit{{Node: adapterinject.MetaRecipe, Input: -1, Why: err.Error()}}, nil
	}
	return plan.Misfits(now)
}

// misfits adds to what is unexpected what is not as the recipe that the model names
// makes it.
func misfits(old, now *graphsurgery.Model, d diff.Diff, unexpected *diff.UnexpectedError) (*diff.UnexpectedError, error) {
	list, err := replayed(old, now, d)
	if err != nil || len(list) == 0 {
		return unexpected, err
	}
	if unexpected == nil {
		unexpected = &diff.UnexpectedError{Want: diff.AnyNumber}
	}
	for _, c := range d.Changes {
		is := slices.ContainsFunc(list, func(m adapterinject.Misfit) bool {
			if m.Input < 0 {
				return (c.What == diff.NodeAdded || c.What == diff.TensorAdded) && c.Name == m.Node
			}
			return c.What == diff.EdgeRewired && c.Name == m.Node && c.Field == fmt.Sprintf("input %d", m.Input)
		})
		if is && c.Graph == "" && !slices.Contains(unexpected.Changes, c) {
			unexpected.Changes = append(unexpected.Changes, c)
		}
	}
	if len(unexpected.Changes) == 0 { // the differences are told otherwise: still it is no adapter
		unexpected.Changes = append(unexpected.Changes, diff.Change{What: diff.NodeAdded, Name: list[0].Node, To: list[0].Why})
	}
	return unexpected, nil
}

// adapterDiff is what was added under one name: an adapter, or the head.
type adapterDiff struct {
	Name       string        `json:"name"`  // aat/block0/attn
	Block      int           `json:"block"` // that its result goes into; -1 for the head
	Site       string        `json:"site"`  // where it is joined, as inspect names it
	Nodes      int           `json:"nodes"`
	Tensors    int           `json:"tensors"`
	Parameters int64         `json:"parameters"`
	Edges      []diff.Change `json:"edges"` // that read it now
}

// addedAdapters groups what was added by name, and finds block and site of each by
// the graph: the block that the reader stands in, the site whose value it adds up.
func addedAdapters(d diff.Diff, m *graphsurgery.Model, blocks []adapterinject.Block) []*adapterDiff {
	of := map[string]*adapterDiff{}
	list := []*adapterDiff{}
	group := func(name string) *adapterDiff {
		rest, ours := strings.CutPrefix(name, adapterinject.Prefix)
		if !ours {
			return &adapterDiff{}
		}
		parts := strings.Split(rest, "/")
		key := adapterinject.Prefix + strings.Join(parts[:min(len(parts)-1, 2)], "/")
		if parts[0] == "head" {
			key = adapterinject.Prefix + "head"
		}
		if of[key] == nil {
			of[key] = &adapterDiff{Name: key, Block: -1, Edges: []diff.Change{}}
			list = append(list, of[key])
		}
		return of[key]
	}
	for _, c := range d.Changes {
		switch c.What {
		case diff.NodeAdded:
			group(c.Name).Nodes++
		case diff.TensorAdded:
			g := group(c.Name)
			g.Tensors++
			g.Parameters += c.Count
		case diff.EdgeRewired:
			g := group(c.To)
			g.Edges = append(g.Edges, c)
		}
	}
	places := placesOf(m, blocks)
	for _, x := range list {
		for _, e := range x.Edges {
			if at, ok := places[e.Name]; ok {
				x.Block, x.Site = at.block, at.site
			}
		}
	}
	slices.SortStableFunc(list, func(x, y *adapterDiff) int {
		return cmp.Compare(uint(x.Block), uint(y.Block)) // the head, -1, last
	})
	return list
}

// place is where in a model a node stands.
type place struct {
	block int
	site  string
}

// placesOf gives block and site by the labels of the nodes that read a site.
func placesOf(m *graphsurgery.Model, blocks []adapterinject.Block) map[string]place {
	places := map[string]place{}
	for _, b := range blocks {
		for _, n := range blockNodes(b) {
			places[n.Label()] = place{b.Index, ""}
		}
	}
	for _, b := range blocks {
		for _, s := range b.Sites {
			for _, u := range s.Value.Uses() {
				if u.Node.Graph() == m.Graph {
					places[u.Node.Label()] = place{b.Index, string(s.Name)}
				}
			}
		}
	}
	return places
}

// counted are a model's figures: blocks, nodes, parameters.
func counted(m *graphsurgery.Model, blocks []adapterinject.Block) [3]string {
	return [3]string{strconv.Itoa(len(blocks)), strconv.Itoa(len(m.Graph.Nodes())), millions(m.Parameters(nil))}
}

func (a *app) printDiff(old, now [3]string, d diff.Diff, adapters []*adapterDiff, unexpected *diff.UnexpectedError, o diffOptions) {
	rows := [][]string{{"", "A", "B"}}
	for i, what := range []string{"blocks", "nodes", "parameters"} {
		rows = append(rows, []string{what, old[i], now[i]})
	}
	table(a.stdout, rows...)
	if len(adapters) > 0 {
		fmt.Fprintln(a.stdout)
		rows := [][]string{{"added", "block", "site", "nodes", "tensors", "parameters", "read by"}}
		for _, x := range adapters {
			var readers []string
			for _, e := range x.Edges {
				readers = append(readers, e.Name)
			}
			block := ""
			if x.Block >= 0 {
				block = strconv.Itoa(x.Block)
			}
			rows = append(rows, []string{x.Name, block, x.Site, strconv.Itoa(x.Nodes), strconv.Itoa(x.Tensors), strconv.FormatInt(x.Parameters, 10), strings.Join(readers, " ")})
		}
		table(a.stdout, rows...)
	}
	fmt.Fprintln(a.stdout)
	for _, c := range d.Changes {
		if o.lists(c) || unexpected != nil && hasAdapterPrefix(c) && slices.Contains(unexpected.Changes, c) {
			fmt.Fprintln(a.stdout, c)
		}
	}
	fmt.Fprintln(a.stdout, d.Summary())
	if o.onlyAdapters && unexpected == nil {
		fmt.Fprintln(a.stdout, verdict(d, adapters))
	}
}

// verdict says in a line what --only-adapters found nothing against.
func verdict(d diff.Diff, adapters []*adapterDiff) string {
	count, head := 0, ""
	for _, x := range adapters {
		switch {
		case x.Name == adapterinject.Prefix+"head":
			head = " and a new head"
		case x.Nodes > 0:
			count++
		}
	}
	switch {
	case d.Empty():
		return "only adapters: yes, the models are equal"
	case count == 0 && head == "":
		return "only adapters: yes, nothing but metadata differs"
	}
	return "only adapters: yes, " + plural(count, "adapter") + head + "; all else is as it was"
}

// hasAdapterPrefix reports whether a change is about what stands in the adapters'
// table if it is an adapter.
func hasAdapterPrefix(c diff.Change) bool {
	return c.What == diff.NodeAdded || c.What == diff.EdgeRewired
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

func diffJSON(before, after int, d diff.Diff, adapters []*adapterDiff, unexpected *diff.UnexpectedError) map[string]any {
	others := []diff.Change{}
	if unexpected != nil {
		others = append(others, unexpected.Changes...)
	}
	return map[string]any{
		"equal": d.Empty(), "only_adapters": unexpected == nil, "unexpected": others, "summary": d.Summary(),
		"blocks": []int{before, after}, "adapters": adapters, "changes": append([]diff.Change{}, d.Changes...),
	}
}
