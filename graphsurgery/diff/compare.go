package diff

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Compare tells what b has otherwise than a. The result is the same in every run.
// The error, mostly a [gs.FormatError], says which tensor's values cannot be read:
// of such nobody can say that they are equal.
func Compare(a, b *gs.Model) (Diff, error) {
	if err := readable(a, b); err != nil {
		return Diff{}, err
	}
	m := newMatcher()
	m.graphs(a.Graph, b.Graph)
	c := &comparer{matcher: m}
	c.header(a, b)
	c.graph("", a.Graph, b.Graph)
	if m.unread != nil {
		return Diff{}, m.unread
	}
	return Diff{c.changes}, nil
}

// readable tests that both models are there, with the values of all tensors.
func readable(a, b *gs.Model) error {
	if a == nil || b == nil {
		return errors.New("diff: a model is nil, want two models")
	}
	for _, m := range []*gs.Model{a, b} {
		if err := m.CheckExternal(); err != nil {
			return err
		}
	}
	return nil
}

// comparer lists the differences that a matching leaves.
type comparer struct {
	*matcher
	where   string // the graph
	changes []Change
}

func (c *comparer) add(x Change) {
	x.Graph = c.where
	c.changes = append(c.changes, x)
}

// header compares all outside the graphs.
func (c *comparer) header(a, b *gs.Model) {
	if a.IRVersion() != b.IRVersion() {
		c.add(Change{What: FieldChanged, Name: "ir_version", From: fmt.Sprint(a.IRVersion()), To: fmt.Sprint(b.IRVersion())})
	}
	if a.Producer() != b.Producer() {
		c.add(Change{What: FieldChanged, Name: "producer", From: a.Producer(), To: b.Producer()})
	}
	c.keyed(OpsetChanged, texts(a.OpsetImports()), texts(b.OpsetImports()))
	c.keyed(MetadataSet, metadata(a), metadata(b))
	c.keyed(FuncChanged, functions(a), functions(b))
}

func texts(opsets map[string]int64) map[string]string {
	out := map[string]string{}
	for domain, version := range opsets {
		out[domain] = fmt.Sprint(version)
	}
	return out
}

// functions gives the texts of a model's functions by what a call names them by.
func functions(m *gs.Model) map[string]string {
	out := map[string]string{}
	for _, f := range m.Functions() {
		key := f.Domain() + "." + f.Name()
		if f.Overload() != "" {
			key += ":" + f.Overload()
		}
		out[key] += f.Text() // a broken model may have two under one key
	}
	return out
}

func metadata(m *gs.Model) map[string]string {
	out := map[string]string{}
	for _, k := range m.MetadataKeys() {
		out[k], _ = m.Metadata(k)
	}
	return out
}

func (c *comparer) keyed(what What, a, b map[string]string) {
	keys := slices.Collect(maps.Keys(a))
	keys = append(keys, slices.Collect(maps.Keys(b))...)
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if from, to := a[k], b[k]; from != to {
			c.add(Change{What: what, Name: k, From: from, To: to})
		}
	}
}

// order reports that those of a graph's ports that both models have come in
// another order: callers may go by their places.
func (c *comparer) order(what string, a, b []*gs.Value, same func(v *gs.Value) *gs.Value) {
	var from, to []string
	for _, v := range a {
		if w := same(v); w != nil && slices.Contains(b, w) {
			from = append(from, w.Name())
		}
	}
	for _, w := range b {
		if slices.Contains(from, w.Name()) {
			to = append(to, w.Name())
		}
	}
	if !slices.Equal(from, to) {
		c.add(Change{What: FieldChanged, Name: "order of " + what, From: strings.Join(from, ", "), To: strings.Join(to, ", ")})
	}
}

func (c *comparer) graph(where string, a, b *gs.Graph) {
	c.where = where
	c.inputs(a, b)
	c.outputs(a, b)
	c.order("inputs", a.Inputs(), b.Inputs(), func(v *gs.Value) *gs.Value { return c.values[v] })
	if where == "" {
		c.order("outputs", a.Outputs(), b.Outputs(), func(v *gs.Value) *gs.Value { return b.Output(v.Name()) })
	}
	c.tensorList(a, b)
	c.sparseList(a, b)
	c.nodeList(a, b)
	for _, n := range a.Nodes() {
		for _, g := range bodies(n, c.nodes[n]) {
			c.graph(strings.TrimPrefix(where+"/", "/")+n.Label()+"/"+g.attr, g.a, g.b)
			c.where = where
		}
	}
}

func (c *comparer) inputs(a, b *gs.Graph) {
	for _, v := range a.Inputs() {
		w := c.values[v]
		if w == nil {
			c.add(Change{What: InputRemoved, Name: v.Name(), From: v.TypeText()})
			continue
		}
		c.value(v, w)
	}
	for _, w := range b.Inputs() {
		if c.valueB[w] == nil {
			c.add(Change{What: InputAdded, Name: w.Name(), To: w.TypeText()})
		}
	}
}

// outputs compares the graphs' outputs by name, in a subgraph by place.
func (c *comparer) outputs(a, b *gs.Graph) {
	for i, v := range a.Outputs() {
		w := b.Output(v.Name())
		if c.where != "" {
			w = nil
			if i < len(b.Outputs()) {
				w = b.Outputs()[i]
			}
		}
		switch {
		case w == nil:
			c.add(Change{What: OutputRemoved, Name: v.Name(), From: v.TypeText()})
			continue
		case c.values[v] != w:
			c.add(Change{What: EdgeRewired, Name: v.Name(), Field: "output", From: source(v), To: source(w)})
			if v.TypeText() != w.TypeText() {
				c.add(Change{What: TypeChanged, Name: v.Name(), From: v.TypeText(), To: w.TypeText()})
			}
		}
	}
	for i, w := range b.Outputs() {
		if c.where == "" && a.Output(w.Name()) == nil || c.where != "" && i >= len(a.Outputs()) {
			c.add(Change{What: OutputAdded, Name: w.Name(), To: w.TypeText()})
		}
	}
}

// source names where a graph's output comes from.
func source(v *gs.Value) string {
	if p := v.Producer(); p != nil {
		return "node " + p.Label() + " (" + p.Op() + ")"
	}
	return v.Name()
}

// value compares the names of two paired values, and the types where both are
// declared: a type that one file leaves out is no difference.
func (c *comparer) value(v, w *gs.Value) {
	if v.Name() != w.Name() {
		c.add(Change{What: ValueRenamed, Name: v.Name(), From: v.Name(), To: w.Name()})
	}
	if from, to := v.TypeText(), w.TypeText(); from != to && from != "" && to != "" {
		c.add(Change{What: TypeChanged, Name: w.Name(), From: from, To: to})
	}
}

func (c *comparer) tensorList(a, b *gs.Graph) {
	for _, t := range a.Initializers() {
		w := c.values[a.Value(t.Name())]
		if w == nil || w.Initializer() == nil {
			c.add(Change{What: TensorRemoved, Name: t.Name(), From: c.brief(t), Count: t.Len()})
			continue
		}
		u := w.Initializer()
		if t.Name() != u.Name() {
			c.add(Change{What: TensorRenamed, Name: t.Name(), From: t.Name(), To: u.Name()})
		}
		c.defaults(a.Value(t.Name()), w)
		if !c.sameTensor(t, u) {
			c.add(Change{What: TensorChanged, Name: u.Name(), From: c.brief(t), To: c.brief(u)})
		}
	}
	for _, u := range b.Initializers() {
		if v := c.valueB[b.Value(u.Name())]; v == nil || v.Initializer() == nil {
			c.add(Change{What: TensorAdded, Name: u.Name(), To: c.brief(u), Count: u.Len()})
		}
	}
}

func (c *comparer) sparseList(a, b *gs.Graph) {
	for _, v := range sparse(a) {
		w := c.values[v]
		switch {
		case w == nil:
			c.add(Change{What: TensorRemoved, Name: v.Name(), From: v.SparseText()})
		case v.SparseText() != w.SparseText():
			c.add(Change{What: TensorChanged, Name: v.Name(), From: v.SparseText(), To: w.SparseText()})
		}
	}
	for _, w := range sparse(b) {
		if c.valueB[w] == nil {
			c.add(Change{What: TensorAdded, Name: w.Name(), To: w.SparseText()})
		}
	}
}

// defaults reports a tensor that became the default of an input, or was one.
func (c *comparer) defaults(v, w *gs.Value) {
	switch {
	case v.IsDefault() == w.IsDefault():
	case v.IsDefault():
		c.add(Change{What: InputRemoved, Name: v.Name(), From: v.TypeText(), Field: "with a default"})
	default:
		c.add(Change{What: InputAdded, Name: w.Name(), To: w.TypeText(), Field: "with a default"})
	}
}

// sameTensor compares bytes, which is faster than digests.
func (c *comparer) sameTensor(t, u *gs.Tensor) bool {
	if t.DType() != u.DType() || !slices.Equal(t.Shape(), u.Shape()) {
		return false
	}
	x, err := t.Raw()
	y, other := u.Raw()
	if err != nil || other != nil {
		return c.sum(t) == c.sum(u)
	}
	return bytes.Equal(x, y)
}

// brief is a tensor's type and the start of its digest, or its one value.
func (c *comparer) brief(t *gs.Tensor) string {
	kind := gs.Type{DType: t.DType(), Shape: gs.Known(t.Shape()...)}.String()
	if sum := c.sum(t); t.Len() > 1 && strings.HasPrefix(sum, "sha256:") {
		return kind + " " + sum[:len("sha256:")+12]
	}
	text := t.Text(gs.Elide(4))
	if i := strings.LastIndexByte(text, '{'); i >= 0 {
		return kind + " " + text[i:]
	}
	return kind
}

func (c *comparer) nodeList(a, b *gs.Graph) {
	for _, n := range a.Nodes() {
		other := c.nodes[n]
		if other == nil {
			c.add(Change{What: NodeRemoved, Name: n.Label(), From: n.String()})
			continue
		}
		c.node(n, other)
	}
	for _, n := range b.Nodes() {
		if c.nodeB[n] == nil {
			c.add(Change{What: NodeAdded, Name: n.Label(), To: n.String()})
		}
	}
}

// node compares two matched nodes.
func (c *comparer) node(n, other *gs.Node) {
	label := other.Label()
	if n.Name() != other.Name() {
		c.add(Change{What: NodeRenamed, Name: n.Label(), From: n.Name(), To: other.Name()})
	}
	if op(n) != op(other) {
		c.add(Change{What: NodeChanged, Name: label, Field: "operator", From: op(n), To: op(other)})
	}
	if c.fact(n) != c.fact(other) {
		c.attributes(label, n, other)
	}
	for i := range max(len(n.Inputs()), len(other.Inputs())) {
		v, w := n.Input(i), other.Input(i)
		if v != nil && c.values[v] == w || v == nil && w == nil {
			continue
		}
		c.add(Change{What: EdgeRewired, Name: label, Field: fmt.Sprintf("input %d", i), From: name(v), To: name(w)})
	}
	for i, v := range n.Outputs() {
		if w := other.Output(i); v != nil && w != nil {
			c.value(v, w)
		} else if v != nil || w != nil {
			c.add(Change{What: NodeChanged, Name: label, Field: fmt.Sprintf("output %d", i), From: name(v), To: name(w)})
		}
	}
	for i := len(n.Outputs()); i < len(other.Outputs()); i++ {
		c.add(Change{What: NodeChanged, Name: label, Field: fmt.Sprintf("output %d", i), To: name(other.Output(i))})
	}
}

func (c *comparer) attributes(label string, n, other *gs.Node) {
	keys := append(n.AttrNames(), other.AttrNames()...)
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if from, to := c.attr(n, k), c.attr(other, k); from != to {
			c.add(Change{What: NodeChanged, Name: label, Field: "attribute " + k, From: value(from), To: value(to)})
		}
	}
}

// value cuts "name = " off an attribute's text.
func value(text string) string {
	if _, v, ok := strings.Cut(text, " = "); ok {
		return v
	}
	return text
}

func name(v *gs.Value) string {
	if v == nil {
		return ""
	}
	return v.Name()
}
