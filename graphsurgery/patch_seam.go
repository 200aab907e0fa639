package graphsurgery

import (
	"fmt"
	"strings"
)

// SeamError says that a patch does not fit where it was to be joined: what it
// gives disagrees with what the readers of a value expect.
type SeamError struct {
	Patch     string // the patch's label
	Value     string // the value at the seam
	Got, Want Type   // as far as they are known
}

// Error names the patch, the value and the disagreement.
func (e *SeamError) Error() string {
	s := fmt.Sprintf("patch %q: at value %q: readers expect ", e.Patch, e.Value)
	if e.Got.Kind != e.Want.Kind || e.Want.Elem != nil {
		return s + fmt.Sprintf("%s, the patch gives %s", e.Want, e.Got)
	}
	if e.Got.DType != e.Want.DType && e.Got.DType != Undefined && e.Want.DType != Undefined {
		return s + fmt.Sprintf("%s, the patch gives %s", e.Want.DType, e.Got.DType)
	}
	return s + fmt.Sprintf("shape %v, the patch gives %v", e.Want.Shape, e.Got.Shape)
}

// InUseError says that something to be removed is still read.
type InUseError struct {
	Patch   string   // the patch's label
	Value   string   // the value that is read
	Readers []string // labels of the nodes that read it, and "graph output"
}

// Error names the patch, the value and its first readers.
func (e *InUseError) Error() string {
	const most = 8
	shown, more := e.Readers, ""
	if len(shown) > most {
		shown, more = shown[:most], fmt.Sprintf(" and %d more", len(shown)-most)
	}
	return fmt.Sprintf("patch %q: value %q cannot be removed, it is still read by %s%s", e.Patch, e.Value, strings.Join(shown, ", "), more)
}

// check tests that old is this model's and that old and new agree where both
// are known.
func (p *Patch) check(old *Value, new Wire) bool {
	p.own(new)
	switch {
	case old == nil || new.omitted():
		p.fail("a shunt needs a value and a wire")
	case old.graph == nil || old.graph.model != p.model:
		p.fail("value %q belongs to another model", old.name)
	case !old.current():
		p.fail("value %q is not in this model any more", old.name)
	case !p.graph.inside(old.graph) && !old.graph.inside(p.graph):
		p.fail("value %q cannot be seen from graph %q; see Patch.In", old.name, p.graph.Name())
	default:
		p.seam(old.name, new.typ(), old.typ())
		return true
	}
	return false
}

// seam remembers a [SeamError] if two types cannot be the same.
func (p *change) seam(value string, got, want Type) {
	if p.err == nil && !got.agrees(want) {
		p.err = &SeamError{Patch: p.label, Value: value, Got: got, Want: want}
	}
}

// agrees reports whether two types, as far as they are known, can be the same.
func (t Type) agrees(o Type) bool {
	switch {
	case !t.known() || !o.known():
		return t.Shape == nil || o.Shape == nil || compatible(t.Shape, o.Shape)
	case t.Kind != o.Kind, t.DType != o.DType:
		return false
	case t.Elem != nil && o.Elem != nil && !t.Elem.agrees(*o.Elem):
		return false
	}
	return t.Shape == nil || o.Shape == nil || compatible(t.Shape, o.Shape)
}

// known reports whether it is known what the value consists of.
func (t Type) known() bool { return t.DType != Undefined || t.Elem != nil }

// compatible reports whether two shapes can be the same one.
func compatible(a, b []Dim) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Value >= 0 && b[i].Value >= 0 && a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}
