package onnxgo

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// DefaultOpset is the version of ai.onnx that is preferred where the operators leave
// a choice. It is the last one before Softmax, LogSoftmax and Hardmax changed their
// meaning without changing their form: onnx-go is of its time.
const DefaultOpset = 12

const microsoft = "com.microsoft"

// opset gives the version of ai.onnx to read the graph with.
func (b *Backend) opset(l *layout) (int64, error) {
	if b.options.Opset != 0 {
		return b.options.Opset, nil
	}
	return guess(l.operations)
}

// GuessOpset gives the version of ai.onnx that the recorded graph is read with if
// Options.Opset does not say: the greatest up to DefaultOpset, else the least above
// it, that knows all operators with their attributes, their attributes' types and
// their numbers of inputs and outputs.
func (b *Backend) GuessOpset() (int64, error) {
	l := b.layout()
	if l.err != nil {
		return 0, l.err
	}
	return guess(l.operations)
}

func guess(operations []*operation) (int64, error) {
	latest := opschema.Latest("")
	fits := make([]bool, latest+1)
	for v := int64(1); v <= latest; v++ {
		fits[v] = true
	}
	for _, o := range operations {
		own := accepted(o, latest)
		if own == nil {
			continue // no version has it so; the importer will say what is wrong
		}
		some := false
		for v := range fits {
			fits[v] = fits[v] && own[v]
			some = some || fits[v]
		}
		if !some {
			return 0, &graphsurgery.UnsupportedError{Node: o.String(), Op: o.name, What: "a form that no operator set version has together with those of the nodes before it", Hint: "set Options.Opset"}
		}
	}
	for v := min(int64(DefaultOpset), latest); v > 0; v-- {
		if fits[v] {
			return v, nil
		}
	}
	return int64(slices.Index(fits, true)), nil
}

// accepted marks the versions of ai.onnx that allow an operation's form; nil if it
// says nothing about that.
func accepted(o *operation, latest int64) []bool {
	if o.domain != "" {
		return nil
	}
	versions := opschema.Versions("", o.name)
	fits := make([]bool, latest+1)
	some := false
	for i, s := range versions {
		end := latest
		if i+1 < len(versions) {
			end = versions[i+1].Since - 1
		}
		if !allows(s, o) {
			continue
		}
		for v := s.Since; v <= end; v++ {
			fits[v], some = true, true
		}
	}
	if !some {
		return nil
	}
	return fits
}

// allows tells whether a schema has room for an operation's form.
func allows(s *opschema.Schema, o *operation) bool {
	if s.Deprecated || len(o.inputs) < s.MinInputs || len(o.inputs) > s.MaxInputs {
		return false
	}
	if len(o.outputs) < s.MinOutputs || len(o.outputs) > s.MaxOutputs {
		return false
	}
	for i, n := range o.inputs {
		if p, ok := s.Input(i); !ok || n == nil && p.Option == opschema.Single {
			return false
		}
	}
	for name, value := range o.attrs {
		a, ok := s.Attr(name)
		if !ok && !s.Open || ok && a.Type != attrType(value) {
			return false
		}
	}
	for _, a := range s.Attrs {
		if _, ok := o.attrs[a.Name]; a.Required && !ok {
			return false
		}
	}
	return true
}

func attrType(value any) opschema.AttrType {
	switch value.(type) {
	case float32:
		return opschema.Float
	case int64:
		return opschema.Int
	case string:
		return opschema.String
	case tensor.Tensor:
		return opschema.Tensor
	case []float32:
		return opschema.Floats
	case []int64:
		return opschema.Ints
	case []string:
		return opschema.Strings
	}
	return 0
}

// domainOf finds the domain of an operation, which onnx-go drops, by its name.
func domainOf(o *operation) string {
	if len(opschema.Versions("", o.name)) == 0 && microsoftHas(o.name) {
		return microsoft
	}
	return ""
}

// microsoftHas tells whether ONNX Runtime's domain has an operator.
func microsoftHas(op string) bool { return len(opschema.Versions(microsoft, op)) > 0 }

// homonyms finds the domain of operations that both domains name, such as Gelu,
// which the standard took over from ONNX Runtime: they are the latter's if the
// standard has none of their form, or none yet in the model's version. Where that is
// to be guessed, they are if no version has them together with the others.
func (b *Backend) homonyms(operations []*operation) {
	latest := opschema.Latest("")
	var late []*operation
	for _, o := range operations {
		if o.domain != "" || !microsoftAllows(o) {
			continue
		}
		first := opschema.Versions("", o.name)[0].Since
		switch {
		case accepted(o, latest) == nil, b.options.Opset != 0 && first > b.options.Opset:
			o.domain = microsoft
		case b.options.Opset == 0 && first > DefaultOpset:
			late = append(late, o)
		}
	}
	if len(late) == 0 {
		return
	}
	if _, err := guess(operations); err != nil {
		for _, o := range late {
			o.domain = microsoft
		}
	}
}

// microsoftAllows tells whether ONNX Runtime's domain has an operator of that form.
func microsoftAllows(o *operation) bool {
	return slices.ContainsFunc(opschema.Versions(microsoft, o.name), func(s *opschema.Schema) bool { return allows(s, o) })
}
