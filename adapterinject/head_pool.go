package adapterinject

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// LogitsOutput is the graph output that a head added to an encoder gives.
const LogitsOutput = "logits"

// pool finds where an encoder without a classifier gets one: its pooled output
// [batch, width], or else its only output with tokens, of which the mean is taken. The
// width is that of its last block. why says what the classifier lacked.
func (t *Target) pool(why error) (HeadSite, error) {
	m := t.Model
	refuse := func(format string, args ...any) (HeadSite, error) {
		return HeadSite{}, &gs.UnsupportedError{
			File: m.Path(), What: strings.TrimSuffix(fmt.Sprintf("%v", cause(why)), ".") + "; nor can one be added: " + fmt.Sprintf(format, args...),
			Hint: "export the model with its logits, [batch, classes], or its features, [batch, tokens, width], as only output",
		}
	}
	if len(t.Blocks) == 0 {
		return refuse("no Transformer block tells the width of its features")
	}
	width := int64(t.Blocks[len(t.Blocks)-1].Width)
	if m.Graph.Value(LogitsOutput) != nil {
		return refuse("the name %q is taken", LogitsOutput)
	}
	var pooled, tokens []HeadSite
	for _, out := range m.Graph.Outputs() {
		site, ok := featuresAt(t.Type(out), out, width)
		switch {
		case ok && len(site.mean) == 0:
			pooled = append(pooled, site)
		case ok:
			tokens = append(tokens, site)
		}
	}
	found := pooled
	if len(found) == 0 {
		found = tokens
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return refuse("no output has one axis, behind the batch, of the %d features of the last block", width)
	}
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = fmt.Sprintf("%q", s.Pooled.Name())
	}
	return refuse("it is ambiguous which of the outputs %s holds the features", strings.Join(names, ", "))
}

// headSite is the classifier to replace, or where one is added.
func (t *Target) headSite() (HeadSite, error) {
	f := study(t.Model.Graph)
	site, err := f.head(t.Model)
	if err == nil || f.classifiers(t.Model) > 1 {
		return site, err
	}
	return t.pool(err)
}

// name is of the value that a refusal is about.
func (h HeadSite) name() string {
	if h.added {
		return h.Pooled.Name()
	}
	return h.Output.Name()
}

// cause is what a refusal says, without its file and advice.
func cause(err error) any {
	if u, ok := err.(*gs.UnsupportedError); ok {
		return u.What
	}
	return err
}

// featuresAt reads an output as features: [batch, width], or with one axis of the width
// among others, over which the mean is taken.
func featuresAt(typ gs.Type, out *gs.Value, width int64) (HeadSite, bool) {
	shape := typ.Shape
	if len(shape) < 2 || width <= 0 || !tunable(typ.DType) {
		return HeadSite{}, false
	}
	axis, last := 0, len(shape)-1
	for i := last; i > 0; i-- {
		switch {
		case shape[i].Value != width:
		case axis == 0:
			axis = i
		case last > 2 || axis != last: // with one axis beside it, the last is the width
			return HeadSite{}, false
		}
	}
	if axis == 0 {
		return HeadSite{}, false
	}
	batch := shape[0]
	if batch.Value < 0 {
		batch.Param = cmp.Or(batch.Param, "batch")
	}
	site := HeadSite{Pooled: out, Width: int(width), batch: batch, dtype: typ.DType, added: true}
	for i := 1; i < len(shape); i++ {
		if i != axis {
			site.mean = append(site.mean, int64(i))
		}
	}
	return site, true
}

// pooledBy reads a head's features: the mean over the axes of tokens, if any.
func (s *Splicer) pooledBy(site HeadSite) gs.Wire {
	x := s.Read(site.Pooled)
	switch {
	case len(site.mean) == 0:
		return x
	case s.opset < 18:
		return s.Op("mean", "ReduceMean", x, gs.Attrs{"axes": slices.Clone(site.mean), "keepdims": 0})
	}
	return s.Op("mean", "ReduceMean", x, s.Ints("mean_axes", site.mean...), gs.Attrs{"keepdims": 0})
}
