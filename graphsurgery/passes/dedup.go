package passes

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Dedup merges initialisers with the same element type, shape and values.
func Dedup() Pass {
	return Pass{
		Name: "dedup",
		Doc: "Merges initialisers that have the same element type, shape and values; the first one in the file stays. " +
			"Subgraphs: their initialisers are merged with those of the graphs around, too. Functions: have none. " +
			"Graph outputs, and initialisers that a caller can override: stay.",
		Edit: mergeConstants,
	}
}

// mergeConstants compares digests only of tensors that agree in type, shape and a
// few bytes, so that large weights are seldom read as a whole.
func mergeConstants(m *gs.Model, p *gs.Patch) (int, error) {
	groups := map[string][]*gs.Value{}
	var order []string
	for _, g := range m.Graphs() {
		for _, t := range g.Initializers() {
			v := g.Value(t.Name())
			if v.IsDefault() {
				continue
			}
			key, err := sample(t)
			if err != nil {
				return 0, err
			}
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], v)
		}
	}
	changed := 0
	for _, key := range order {
		n, err := mergeGroup(p, groups[key])
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}

// sample is a tensor's type, shape and, of large ones, the bytes at both ends.
func sample(t *gs.Tensor) (string, error) {
	key := fmt.Sprint(t.DType(), t.Shape())
	const enough = 64
	if t.DType().Size() == 0 || t.Len() < 16*enough {
		return key, nil
	}
	raw, err := t.Raw()
	if err != nil {
		return "", err
	}
	return key + string(raw[:enough]) + string(raw[len(raw)-enough:]), nil
}

func mergeGroup(p *gs.Patch, values []*gs.Value) (int, error) {
	if len(values) < 2 {
		return 0, nil
	}
	first := map[string]map[*gs.Graph]*gs.Value{}
	changed := 0
	for _, v := range values {
		digest, err := digestOf(v.Initializer())
		if err != nil {
			return 0, err
		}
		if digest == "" {
			continue
		}
		keep := visibleFrom(v.Graph(), first[digest])
		if keep == nil || v.IsGraphOutput() {
			if first[digest] == nil {
				first[digest] = map[*gs.Graph]*gs.Value{}
			}
			if first[digest][v.Graph()] == nil {
				first[digest][v.Graph()] = v
			}
			continue
		}
		in := p.In(v.Graph())
		in.Shunt(v, in.Tap(keep))
		p.RemoveInitializer(v)
		changed++
	}
	return changed, nil
}

// visibleFrom gives the outermost of the values that a graph can read.
func visibleFrom(g *gs.Graph, values map[*gs.Graph]*gs.Value) *gs.Value {
	var found *gs.Value
	for ; g != nil; g = g.Outer() {
		if v := values[g]; v != nil {
			found = v
		}
	}
	return found
}

// digestOf is equal for equal values; "" for element types without a byte form.
func digestOf(t *gs.Tensor) (string, error) {
	switch {
	case t.DType() == gs.String:
		values, err := t.Strings()
		if err != nil {
			return "", err
		}
		var b strings.Builder
		for _, s := range values {
			fmt.Fprintf(&b, "%q,", s)
		}
		return b.String(), nil
	case t.DType().Size() == 0:
		return "", nil
	}
	return t.Digest()
}
