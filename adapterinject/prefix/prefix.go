// Package prefix gives keys and values of their own to attention, in the gated form of
// arXiv 2303.16199. With the queries Q [N, d] of a block, H heads of d/H columns, and
// P trained rows of keys K_p and values V_p [P, d], the context C that the output
// projection reads becomes, head by head,
//
//	C + g·softmax(Q·K_pᵀ/√(d/H))·V_p
//
// The gate g, one number for each head, begins as zero, so that the model begins as its
// base; keys and values begin as a truncated normal of deviation 0.02. Classic prefix
// tuning (arXiv 2101.00190) puts the prefix under the base's own softmax; by the
// algebra of arXiv 2110.04366 that is the same sum with a gate that the scores give,
// which is not zero at the start. Q is the query's projection as it is, before
// rotation or normalisation. Masks, windows and biases of positions do not touch the
// second softmax, and the number of tokens stays.
//
// A block has 2·P·d numbers and H gates.
package prefix

import (
	"fmt"
	"math"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe gives a prefix to each block in scope. The zero value is 12 keys and values.
type Recipe struct {
	adapterinject.Scope
	Tokens float64 `json:"tokens,omitempty"` // keys, and as many values; a whole number; 0 is 12
	Seed   uint64  `json:"seed,omitempty"`
}

// Method is "prefix".
func (Recipe) Method() string { return "prefix" }

// Adapters are block<i>/prefix. A block must have a query and the input of its output
// projection as values of the file, and say how many heads it has.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		u, err := r.unit(t, b)
		if err != nil {
			return nil, err
		}
		site, _ := b.Site(adapterinject.AttentionOut)
		site.Name, site.Value, site.Shape, site.Width = "attn.context", u.context, t.Type(u.context).Shape, u.width
		out = append(out, adapterinject.Adapter{
			Name: fmt.Sprintf("block%d/prefix", b.Index), Block: b.Index, Site: site, Rank: u.tokens,
			Parameters: 2*int64(u.tokens)*int64(u.width) + int64(u.heads), Seed: r.Seed, Splice: u.splice,
		})
	}
	return out, nil
}

// unit is one block's prefix.
type unit struct {
	query                *gs.Value // the projection's result
	columns              []int64   // of the query in it; nil for all
	context              *gs.Value
	out                  *gs.Node // reads the context
	rank                 int      // dimensions of the query
	tokens, heads, width int
}

func (r Recipe) unit(t *adapterinject.Target, b adapterinject.Block) (unit, error) {
	refuse := func(format string, args ...any) (unit, error) {
		return unit{}, &gs.UnsupportedError{File: t.Model.Path(), Node: b.Output.Name(), What: fmt.Sprintf("block %d cannot have a prefix: ", b.Index) + fmt.Sprintf(format, args...), Hint: "choose other blocks or another method, such as lora"}
	}
	u := unit{heads: b.Heads, tokens: 12}
	tokens := r.Tokens
	if own, ok := r.Ranks[b.Index]; ok {
		tokens = own
	}
	if tokens != 0 {
		u.tokens = int(tokens)
	}
	if float64(u.tokens) != tokens && tokens != 0 || u.tokens < 1 || u.tokens > 1<<16 {
		return refuse("%v is no number of keys", tokens)
	}
	q, err := b.Part(adapterinject.LayerQ)
	if err != nil {
		return u, err
	}
	o, ok := b.Layer(adapterinject.LayerO)
	if !ok {
		return refuse("its output projection is no value of the file")
	}
	u.query, u.context, u.out, u.width = q.Layer.Out, o.In, o.Node, q.OutDim()
	for _, c := range q.Columns {
		u.columns = append(u.columns, int64(c))
	}
	query, context := t.Type(u.query).Shape, t.Type(u.context).Shape
	u.rank = len(query)
	switch {
	case u.heads < 1:
		return refuse("the file does not say how many heads it has")
	case u.width < 1 || u.width%u.heads != 0:
		return refuse("its query is %d wide, which %d heads do not divide", u.width, u.heads)
	case o.InDim != u.width:
		return refuse("the query is %d wide, and the context %d", u.width, o.InDim)
	case u.rank < 2 || len(context) < 2:
		return refuse("the shapes of its query and context are not known")
	case query[u.rank-1].Value != int64(q.Layer.OutDim) || context[len(context)-1].Value != int64(u.width):
		return refuse("its query has shape %v and its context %v, want tokens in rows of all heads", query, context)
	case !sameRows(query, context):
		return refuse("its query has shape %v and its context %v, want as many rows", query, context)
	}
	return u, nil
}

// sameRows reports whether nothing says that two shapes have different rows.
func sameRows(a, b []gs.Dim) bool {
	rows := func(dims []gs.Dim) (int64, bool) {
		n := int64(1)
		for _, d := range dims[:len(dims)-1] {
			if d.Value < 0 {
				return 0, false
			}
			n *= d.Value
		}
		return n, true
	}
	x, knownX := rows(a)
	y, knownY := rows(b)
	if knownX && knownY {
		return x == y
	}
	if len(a) != len(b) {
		return true
	}
	for i := range len(a) - 1 {
		if a[i].Value >= 0 && b[i].Value >= 0 && a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}

func (u unit) splice(s *adapterinject.Splicer) {
	size := u.width / u.heads
	q := s.Read(u.query)
	if u.columns != nil {
		q = s.Op("query", "Gather", q, s.Ints("query_columns", u.columns...), gs.Attrs{"axis": u.rank - 1})
	}
	// [..., N, H, size] to [..., H, N, size]
	lead := make([]int64, u.rank-1) // 0: as in the operand
	swap := make([]int, u.rank+1)
	for i := range swap {
		swap[i] = i
	}
	swap[u.rank-2], swap[u.rank-1] = u.rank-1, u.rank-2
	q = s.Op("split", "Reshape", q, s.Ints("split_shape", append(lead, int64(u.heads), int64(size))...))
	q = s.Op("heads", "Transpose", q, gs.Attrs{"perm": swap})

	keys := u.table(s, "keys", []int{1, 2, 0})
	scores := s.Scale("scores_scaled", s.Op("scores", "MatMul", q, keys), 1/math.Sqrt(float64(size)))
	weights := s.Op("softmax", "Softmax", scores, gs.Attrs{"axis": u.rank})
	c := s.Op("context", "MatMul", weights, u.table(s, "values", []int{1, 0, 2}))

	gate := s.Op("gate_form", "Reshape", s.Param("gate", []int{u.heads}, adapterinject.Zeros()), s.Ints("gate_shape", int64(u.heads), 1, 1))
	c = s.Op("gated", "Mul", c, gate)
	c = s.Op("rows", "Transpose", c, gs.Attrs{"perm": swap})
	c = s.Op("merged", "Reshape", c, s.Ints("merged_shape", append(lead, int64(u.width))...))
	s.AddToContext(u.context, u.out, c, u.rank)
}

// table is a trained [P, d] as one matrix for each head.
func (u unit) table(s *adapterinject.Splicer, name string, perm []int) gs.Wire {
	w := s.Param(name, []int{u.tokens, u.width}, adapterinject.TruncNormal(0.02))
	w = s.Op(name+"_split", "Reshape", w, s.Ints(name+"_shape", int64(u.tokens), int64(u.heads), int64(u.width/u.heads)))
	return s.Op(name+"_heads", "Transpose", w, gs.Attrs{"perm": perm})
}
