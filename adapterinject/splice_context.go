package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// AddToContext adds to what one node reads of a base value, in the value's layout: a
// result of other rank, whose rows come in the same order, is given its form first.
func (s *Splicer) AddToContext(v *gs.Value, reader *gs.Node, result gs.Wire, rank int) {
	if own := len(typeOf(s.types, v).Shape); own != rank {
		form := s.Op("form", "Shape", s.patch.Tap(s.own(v)))
		result = s.Op("formed", "Reshape", result, form)
	}
	total := s.Op("sum", "Add", s.latest(v), s.back(result, v))
	for i, in := range reader.Inputs() {
		if in == v {
			s.patch.ShuntUse(gs.Use{Node: s.node(reader), Input: i}, total)
		}
	}
}

// Forget drops the type that the file states of a base value, whose sizes change.
func (s *Splicer) Forget(v *gs.Value) { s.patch.Forget(s.own(v)) }

// Resize lets every reader of a base value read w, which has another number of tokens
// than the value; those that the file says it to have behind it are the recipe's to
// put right. An output of the model keeps its declared shape.
func (s *Splicer) Resize(v *gs.Value, w gs.Wire) {
	w = s.back(w, v)
	own := s.own(v)
	for _, u := range own.Uses() {
		s.patch.ShuntResized(u, w)
	}
	if own.IsGraphOutput() {
		s.patch.ReplaceOutput(own, w, v.Shape()...)
	}
}
