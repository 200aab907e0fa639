package importer

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// conforms is a FormatError unless a node has what the standard's schema demands:
// its attributes of the right type, those required, and no gap among its inputs
// where none may be left out. Without it, such a node would be computed as if the
// attribute or input were another.
func conforms(n *graphsurgery.Node, opset int64) error {
	schema, ok := opschema.Find(n.Domain(), n.Op(), opset)
	if !ok {
		return nil
	}
	broken := func(format string, args ...any) error {
		return &graphsurgery.FormatError{Node: n.Name(), Op: n.Op(), What: fmt.Sprintf(format, args...)}
	}
	for _, a := range schema.Attrs {
		switch got := opschema.AttrType(n.AttrType(a.Name)); {
		case n.AttrRef(a.Name) != "":
		case got == 0 && a.Required:
			return broken("attribute %q of %s is missing", a.Name, n.Op())
		case got != 0 && got != a.Type:
			return broken("attribute %q of %s has type %s, want %s", a.Name, n.Op(), got, a.Type)
		}
	}
	for i, in := range n.Inputs() {
		if p, ok := schema.Input(i); ok && in == nil && p.Option != opschema.Optional {
			return broken("input %d of %s is missing", i, n.Op())
		}
	}
	return nil
}
