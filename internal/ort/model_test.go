package ort

import "encoding/binary"

// The models of these tests are written byte by byte, so that the package needs
// no protobuf library. Field numbers are those of onnx.proto3.

// ONNX element types, TensorProto.DataType.
const (
	protoFloat  = 1
	protoInt32  = 6
	protoInt64  = 7
	protoBool   = 9
	protoDouble = 11

	protoUint8, protoInt8, protoUint16, protoInt16 = 2, 3, 4, 5
	protoString, protoFloat16                      = 8, 10
	protoUint32, protoUint64, protoBFloat16        = 12, 13, 16
)

func integer(field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, field<<3), v)
}

func message(field uint64, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	b := binary.AppendUvarint(nil, field<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

func text(field uint64, s string) []byte { return message(field, []byte(s)) }

// port is a ValueInfoProto; a dimension below 0 is the symbol "n".
func port(field uint64, name string, elem uint64, dims ...int64) []byte {
	var shape [][]byte
	for _, d := range dims {
		if d < 0 {
			shape = append(shape, message(1, text(2, "n")))
			continue
		}
		shape = append(shape, message(1, integer(1, uint64(d))))
	}
	tensor := message(1, integer(1, elem), message(2, shape...)) // TypeProto.tensor_type
	return message(field, text(1, name), message(2, tensor))
}

func node(op string, inputs []string, output string) []byte {
	var parts [][]byte
	for _, in := range inputs {
		parts = append(parts, text(1, in))
	}
	parts = append(parts, text(2, output), text(4, op))
	return message(1, parts...)
}

// model wraps the graph's parts in a ModelProto of opset 17 with one metadata entry.
func model(graph ...[]byte) []byte {
	graph = append(graph, text(2, "tiny"))
	var m []byte
	for _, p := range [][]byte{
		integer(1, 8), // IR version
		text(2, "internal/ort test"),
		integer(5, 3), // model version
		message(7, graph...),
		message(8, integer(2, 17)),
		message(14, text(1, "aat.version"), text(2, "1")),
	} {
		m = append(m, p...)
	}
	return m
}

// double is y = x + x on [n, 2].
func double() []byte {
	return model(
		node("Add", []string{"x", "x"}, "y"),
		port(11, "x", protoFloat, -1, 2), port(12, "y", protoFloat, -1, 2))
}

// identity copies a tensor of the given type and shape.
func identity(elem uint64, dims ...int64) []byte {
	return model(
		node("Identity", []string{"x"}, "y"),
		port(11, "x", elem, dims...), port(12, "y", elem, dims...))
}

// nonZero lists the indices of non-zero elements: its output's shape depends on the data.
func nonZero() []byte {
	return model(
		node("NonZero", []string{"x"}, "y"),
		port(11, "x", protoFloat, -1), port(12, "y", protoInt64, 1, -1))
}
