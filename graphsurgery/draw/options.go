package draw

import (
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Options says what of a graph is drawn, and how. The zero value draws all of it
// in one colour.
type Options struct {
	Title  string
	Nodes  []*gs.Node             // draw these only; nil: all of the graph
	Groups []Group                // boxes around nodes
	Class  func(*gs.Node) Class   // colours; nil: Plain for all
	Type   func(*gs.Value) string // written on edges; nil: the shape that the file declares
}

// Group is a named set of nodes in a box of its own, or shown as a single box. A
// node that several groups have belongs to the first; groups inside a group have
// nodes of that group only.
type Group struct {
	Name      string
	Nodes     []*gs.Node
	Collapsed bool
	Groups    []Group
}

// Class is what a colour stands for.
type Class int

// The classes, in the order of the legend.
const (
	Plain     Class = iota
	Frozen          // grey
	Added           // green, bold
	Trainable       // orange, bold
	Changed         // yellow
	Removed         // red, dashed
)

// String is the class's name in the legend.
func (c Class) String() string {
	return [...]string{"plain", "frozen", "added", "trainable", "changed", "removed"}[c]
}

// ByPrefix colours what was injected under a prefix: nodes that read an
// initialiser under it are Trainable, other nodes under it Added, and the rest
// Frozen.
func ByPrefix(prefix string) func(*gs.Node) Class {
	return func(n *gs.Node) Class {
		if !strings.HasPrefix(n.Name(), prefix) {
			return Frozen
		}
		for _, v := range n.Inputs() {
			if v != nil && v.Initializer() != nil && strings.HasPrefix(v.Name(), prefix) {
				return Trainable
			}
		}
		return Added
	}
}

// Types writes the shapes that inference knows on the edges.
func Types(t *gs.Types) func(*gs.Value) string {
	return func(v *gs.Value) string {
		kind := t.Of(v)
		if kind.Shape == nil {
			return declared(v)
		}
		return shape(kind.Shape)
	}
}

func declared(v *gs.Value) string {
	if v.Shape() == nil {
		return ""
	}
	return shape(v.Shape())
}

func shape(dims []gs.Dim) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Region gives the nodes that lie on a way from a value of from to a value of to,
// and those that only they need and that no input bears on, such as constants; in
// the graph's order. It is how the nodes of a Transformer block are had from the residual
// stream before and behind it.
func Region(from, to []*gs.Value) []*gs.Node {
	if len(from) == 0 || len(to) == 0 || to[0] == nil {
		return nil
	}
	g := to[0].Graph()
	below := reach(g, from)
	inside := map[*gs.Node]bool{}
	var up func(v *gs.Value)
	up = func(v *gs.Value) {
		if v == nil || v.Producer() == nil || slices.Contains(from, v) {
			return
		}
		if n := v.Producer(); below[n] && !inside[n] {
			inside[n] = true
			for _, in := range n.Inputs() {
				up(in)
			}
		}
	}
	for _, v := range to {
		up(v)
	}
	return withHelpers(g, inside, reach(g, g.Inputs()))
}

// reach gives the nodes of g that depend on the values.
func reach(g *gs.Graph, from []*gs.Value) map[*gs.Node]bool {
	below := map[*gs.Node]bool{}
	for _, n := range g.Nodes() {
		for _, v := range n.Inputs() {
			if v != nil && (slices.Contains(from, v) || below[v.Producer()]) {
				below[n] = true
			}
		}
	}
	return below
}

// withHelpers adds the constant nodes that only nodes inside read, and orders all.
func withHelpers(g *gs.Graph, inside, varying map[*gs.Node]bool) []*gs.Node {
	for _, n := range slices.Backward(g.Nodes()) {
		if inside[n] || varying[n] {
			continue
		}
		all, some := true, false
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			all = all && !v.IsGraphOutput()
			for _, u := range v.Uses() {
				some = true
				all = all && inside[u.Node]
			}
		}
		if all && some {
			inside[n] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(g.Nodes()), func(n *gs.Node) bool { return !inside[n] })
}
