package graphsurgery

import "slices"

// spliceInput is an input of a spliced graph and what it reads.
type spliceInput struct {
	name  string
	wire  Wire
	want  Type  // what the graph declares
	sizes sizes // of its symbols, shared by the inputs of one splice
}

// sizes are the numbers that a graph's symbolic sizes are bound to.
type sizes map[string]int64

// fit gives the wanted type with the bound sizes filled in, and binds the others to
// the numbers that are got. A symbol that stands twice so means one number.
func (s sizes) fit(want, got Type) Type {
	want.Shape = slices.Clone(want.Shape)
	for k, d := range want.Shape {
		if d.Param == "" {
			continue
		}
		if size, ok := s[d.Param]; ok {
			want.Shape[k] = Dim{Value: size}
		} else if k < len(got.Shape) && got.Shape[k].Value >= 0 {
			s[d.Param] = got.Shape[k].Value
		}
	}
	return want
}

// seam compares what a graph declares of an input with the wire it is given, and
// binds the input's symbolic sizes. What is not known yet, such as the type of a new
// node's result, is compared by [edit.checkSplices].
func (s *splicer) seam(v *Value, w Wire) {
	got := s.typeOf(w)
	s.patch.seam(v.name, got, s.sizes.fit(v.typ(), got))
	if !w.omitted() {
		s.patch.splices = append(s.patch.splices, spliceInput{v.name, w, v.typ(), s.sizes})
	}
	for k, d := range v.Shape() {
		if d.Param != "" && k < len(got.Shape) {
			s.dims[d.Param] = got.Shape[k]
		}
	}
}

// typeOf is the type of a wire; what the file does not say of a tapped value is
// inferred.
func (s *splicer) typeOf(w Wire) Type {
	t := w.typ()
	if w.tap == nil || t.known() && t.Shape != nil || s.patch.trust || w.tap.graph.Function() != nil {
		return t // a function's types depend on the call
	}
	if types := s.patch.model.inferred(); types != nil {
		return types.best(w.tap)
	}
	return t
}

// checkSplices compares what spliced graphs declare of their inputs with the types
// that are inferred of these by now.
func (e *edit) checkSplices() error {
	if e.types == nil {
		return nil
	}
	for _, s := range e.patch.splices {
		v := e.valueOf(s.wire)
		if v == nil || s.wire.graph.Function() != nil {
			continue
		}
		got := e.types.Of(v)
		if want := s.sizes.fit(s.want, got); !got.agrees(want) {
			return &SeamError{Patch: e.patch.label, Value: s.name, Got: got, Want: want}
		}
	}
	return nil
}
