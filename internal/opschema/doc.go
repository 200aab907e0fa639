// Package opschema is a table of the standard's operator schemas, all versions:
// inputs, outputs, attributes and type constraints. It is generated from the
// onnx Python package.
package opschema
