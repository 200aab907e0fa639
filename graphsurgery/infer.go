package graphsurgery

// Type is what is known of a value: the element type, Undefined if unknown, and
// the shape, nil if the rank is unknown. A dimension that depends on what the
// caller feeds is named by an expression over the model's symbols, such as
// "batch*197".
type Type struct {
	DType DType
	Shape []Dim
}

// Types are the inferred types of a model's values.
type Types struct {
	of map[*Value]Type
}

// Of gives what is known of a value; the zero Type if nothing is.
func (t *Types) Of(v *Value) Type { return t.of[v] }

// Infer works out element type and shape of every value, in subgraphs too.
func (m *Model) Infer() (*Types, error) {
	t := &Types{of: map[*Value]Type{}}
	m.walk(func(g *Graph) {
		for _, v := range g.values {
			t.of[v] = Type{v.DType(), v.Shape()}
		}
	})
	return t, nil
}
