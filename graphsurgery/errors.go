package graphsurgery

import (
	"fmt"
	"strings"
)

// FormatError says that a model is broken: the bytes are not what the format
// demands.
type FormatError struct {
	File   string // path, if known
	Node   string // node name or output, if one is concerned
	Op     string // its operator
	What   string // what is wrong, got and want
	Offset int64  // byte offset in the file, 0 if unknown
	Err    error  // cause, if any
}

// Error gives file, node, what is wrong and the cause.
func (e *FormatError) Error() string {
	s := place(e.File, e.Node, e.Op) + e.What
	if e.Offset > 0 {
		s += fmt.Sprintf(" (at byte %d)", e.Offset)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError says that a model is valid but that we do not do what it
// needs.
type UnsupportedError struct {
	File   string
	Node   string
	Op     string
	Domain string // operator domain; "" is ai.onnx
	Opset  int64  // opset version of the domain, 0 if it does not matter
	What   string // what is not done
	Hint   string // what would help
}

// Error gives file, node, operator with its opset, and what is not done.
func (e *UnsupportedError) Error() string {
	op := e.Op
	if op != "" && e.Domain != "" {
		op = e.Domain + "." + op
	}
	if op != "" && e.Opset != 0 {
		op += fmt.Sprintf(" (opset %d)", e.Opset)
	}
	return place(e.File, e.Node, op) + e.What
}

// place renders "file: node "n" (Op): ".
func place(file, node, op string) string {
	var b strings.Builder
	if file != "" {
		b.WriteString(file + ": ")
	}
	switch {
	case node != "" && op != "":
		fmt.Fprintf(&b, "node %q, operator %s: ", node, op)
	case node != "":
		fmt.Fprintf(&b, "node %q: ", node)
	case op != "":
		fmt.Fprintf(&b, "operator %s: ", op)
	}
	return b.String()
}
