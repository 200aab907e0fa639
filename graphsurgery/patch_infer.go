package graphsurgery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TrustTypes lets Apply take the patch's word: it infers no types, and compares at
// the seams only what the file and the patch say. Without it, a new node that
// breaks a rule of its operator is refused with a [TypeError], and a seam where
// inferred types disagree with a [SeamError]. The rules of [LevelSchema], which need
// no types, hold all the same.
func (p *Patch) TrustTypes() { p.trust = true }

// inferred gives the types of the model's values, worked out once and kept as
// long as the patches leave them as they are.
func (m *Model) inferred() *Types {
	if m.types == nil {
		t, err := m.Infer()
		if err != nil {
			t = nil // only options can be wrong, and there are none
		}
		m.types = t
	}
	return m.types
}

// wanted is a seam, and what was known before the patch of the value and of the
// wire. What the file says of a name counts for the old value only: the new one may
// take over the name, and with it what is said of another value.
type wanted struct {
	name  string
	new   Wire
	typ   Type   // what readers expect
	found Type   // what was inferred
	given Type   // what is stated of the wire
	ints  string // the elements, where they were followed
}

// lookAhead notes, before anything is changed, the types that readers expect.
func (e *edit) lookAhead() error {
	p := e.patch
	if p.trust || len(p.nodes)+len(p.rewires)+len(p.outputs)+len(p.ports) == 0 {
		return nil
	}
	e.types = p.model.inferred()
	if e.types == nil || len(p.opsets) > 0 { // other versions expect other inputs
		return nil
	}
	want := func(old *Value, w Wire) {
		if old.graph.Function() == nil { // a function's types depend on the call
			e.seams = append(e.seams, wanted{old.name, w, e.types.best(old), e.types.Of(old), w.typ(), e.types.elements(old)})
		}
	}
	for _, r := range p.rewires {
		if !r.resized {
			want(r.old, r.new)
		}
	}
	for _, c := range p.outputs {
		switch {
		case c.shape == nil:
			want(c.old, c.new)
		case c.old.graph.Function() == nil:
			e.seams = append(e.seams, wanted{name: c.old.name, new: c.new, typ: Type{Shape: c.shape}, given: c.new.typ()})
		}
	}
	return nil
}

// best is what the file says of a value, else what is inferred.
func (t *Types) best(v *Value) Type {
	said := v.typ()
	if said.DType != Undefined && said.Shape != nil {
		return said
	}
	found := t.Of(v)
	if said.DType != Undefined {
		found.DType = said.DType
	}
	if said.Shape != nil {
		found.Shape = said.Shape
	}
	return found
}

// elements describes the followed elements of a value, which shapes behind it may
// depend on.
func (t *Types) elements(v *Value) string {
	known := t.of[v]
	if known == nil {
		return ""
	}
	var b strings.Builder
	for _, e := range known.Elems {
		if e.IsF {
			fmt.Fprintf(&b, "%g ", e.F)
		} else {
			fmt.Fprintf(&b, "%s/%d ", t.dim(e.E), e.Den)
		}
	}
	return b.String()
}

// checkSeams infers the types of the new nodes and compares them with what the
// readers expect. Where a seam leaves the type just as it was, nothing behind it
// changes and the model's types stay known; else all are inferred anew, and that
// counts.
func (e *edit) checkSeams() error {
	m := e.patch.model
	if e.types == nil {
		return nil
	}
	e.moveTypes()
	nodes := e.newNodes()
	t := e.types
	same := e.keepsNodes()
	if same {
		same = m.inferInto(t, nodes) == nil && e.seamsEqual(t)
	}
	if !same {
		t, _ = m.Infer()
		if err := e.nodeProblem(t, nodes); err != nil {
			return err
		}
		if err := e.compareSeams(t); err != nil {
			return err
		}
	}
	e.types = t
	if e.stateTypes(t, nodes) {
		return m.reindex()
	}
	return nil
}

// keepsNodes reports whether no node that was there computes anything else by
// itself.
func (e *edit) keepsNodes() bool {
	for _, c := range e.patch.nodeEdits {
		if c.attr != "" || c.input != nil {
			return false
		}
	}
	return len(e.patch.opsets) == 0 && !slices.ContainsFunc(e.patch.rewires, func(r rewire) bool { return r.resized })
}

// keepTypes keeps what is inferred for the next patch, if it still holds.
func (e *edit) keepTypes(before *Types) {
	p := e.patch
	onlyNames := len(p.nodes)+len(p.rewires)+len(p.outputs)+len(p.nodeEdits)+len(p.ports)+len(p.opsets)+len(p.imports)+len(p.constants)+len(p.removed) == 0
	switch {
	case e.types != nil:
		p.model.types = e.types
	case onlyNames:
		p.model.types = before
	}
}

// moveTypes follows values that have another name, and so another place in the
// index, by now.
func (e *edit) moveTypes() {
	next := make(map[*Value]*infer.Value, len(e.moved))
	for old, name := range e.moved {
		if v := old.graph.values[name]; v != nil {
			next[v] = e.types.of[old]
		}
	}
	maps.Copy(e.types.of, next)
}

// newNodes are the patch's nodes in the graph's order.
func (e *edit) newNodes() []*Node {
	made := make(map[*pb.NodeProto]bool, len(e.patch.nodes))
	for _, n := range e.patch.nodes {
		made[n.pb] = true
	}
	var list []*Node
	for _, g := range e.graphs() {
		if g.Function() != nil {
			continue
		}
		for _, n := range g.nodes {
			if made[n.pb] {
				list = append(list, n)
			}
		}
	}
	return list
}

// valueOf is the value that a wire is now.
func (e *edit) valueOf(w Wire) *Value { return w.graph.values[e.nameOf(w)] }

func (e *edit) seamsEqual(t *Types) bool {
	for _, s := range e.seams {
		v := e.valueOf(s.new)
		if v == nil {
			continue
		}
		if got := t.Of(v); got.String() != s.found.String() || !s.given.agrees(s.typ) || t.elements(v) != s.ints {
			return false
		}
	}
	return true
}

func (e *edit) compareSeams(t *Types) error {
	for _, s := range e.seams {
		v := e.valueOf(s.new)
		if v == nil {
			continue
		}
		for _, got := range []Type{s.given, t.Of(v)} {
			if !got.agrees(s.typ) {
				return &SeamError{Patch: e.patch.label, Value: s.name, Got: got, Want: s.typ}
			}
		}
	}
	return nil
}

// nodeProblem is the rule that a new node breaks, if one does.
func (e *edit) nodeProblem(t *Types, nodes []*Node) error {
	err := e.patch.model.inferInto(t, nodes)
	var broken *TypeError
	if errors.As(err, &broken) {
		return broken
	}
	return nil
}

// stateTypes writes down the types of new values, in graphs that state types, and
// of new outputs that were added without; it reports whether there were any.
func (e *edit) stateTypes(t *Types, nodes []*Node) bool {
	stating := false
	stated := map[*Graph][]*pb.ValueInfoProto{}
	for _, n := range nodes {
		if len(n.graph.pb.ValueInfo) == 0 {
			continue
		}
		for _, v := range n.outputs {
			if v == nil || v.output || v.info != nil {
				continue
			}
			if p := t.stated(v); p != nil {
				stated[n.graph] = append(stated[n.graph], &pb.ValueInfoProto{Name: &v.name, Type: p})
			}
		}
	}
	for _, g := range e.graphs() {
		if len(stated[g]) > 0 {
			e.setInfo(g, append(clip(g.pb.ValueInfo), stated[g]...))
			stating = true
		}
	}
	for _, c := range e.patch.outputs {
		stating = e.stateOutput(t, c) || stating
	}
	for _, c := range e.patch.ports {
		if c.add == nil || !c.output || c.add.Type != nil {
			continue
		}
		if v := c.graph.values[c.add.GetName()]; v != nil {
			if p := t.stated(v); p != nil {
				set(e, &c.add.Type, p)
				stating = true
			}
		}
	}
	return stating
}

// stateOutput sets the element type of an output that was given a shape, and none.
func (e *edit) stateOutput(t *Types, c outputChange) bool {
	v := e.valueOf(c.new)
	if c.shape == nil || v == nil || c.new.typ().DType != Undefined {
		return false
	}
	found := t.Of(v)
	if found.Kind != KindTensor || found.DType == Undefined {
		return false
	}
	list := slices.Clone(c.old.graph.pb.Output)
	for i, out := range list {
		if out.GetName() == c.old.name && DType(out.GetType().GetTensorType().GetElemType()) != found.DType {
			list[i] = &pb.ValueInfoProto{Name: out.Name, DocString: out.DocString, Type: typeProto(found.DType, c.shape), MetadataProps: out.MetadataProps}
			e.setOutputs(c.old.graph, list)
			return true
		}
	}
	return false
}

// stated is a value's inferred type for the file: nil if it is not a tensor of
// known element type and rank. Of symbolic sizes only plain names are written.
func (t *Types) stated(v *Value) *pb.TypeProto {
	known := t.Of(v)
	if known.Kind != KindTensor || known.DType == Undefined || known.Shape == nil {
		return nil
	}
	shape := append([]Dim{}, known.Shape...)
	for i, d := range shape {
		if strings.ContainsFunc(d.Param, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			shape[i].Param = ""
		}
	}
	return typeProto(known.DType, shape)
}
