// Package opschema is a table of the standard's operator schemas, all versions:
// inputs, outputs, attributes and type constraints. It is generated from the
// onnx Python package (see gen.py), and holds beside the standard's operators
// those extensions that ONNX Runtime's optimiser and quantiser write into
// encoders, marked as such.
//
// Start with [Find]:
//
//	s, ok := opschema.Find("", "Softmax", 17)   // the schema of version 13
//
// Schemas are shared: callers must not change what they point to.
package opschema
